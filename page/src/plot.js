// plot.js - plotly's own figures, drawn by the strict build of plotly.js (no code made of text), fetched when the first
// one appears. Its style sheet is style/plotly.css: the page's policy forbids styles that a script writes.
import { style } from './style.js'
import Plotly from 'plotly.js-strict-dist-min'

await style('plotly')
for (const id of ['plotly.js-style-global']) {
  const mark = document.createElement('div')
  mark.id = id
  mark.className = 'no-inline-styles'
  mark.hidden = true
  document.body.append(mark)
}

export function draw(element, { data, layout = {}, config = {} }) {
  // maps would fetch their tiles and outlines from elsewhere
  return Plotly.newPlot(element, data, { ...layout, autosize: !layout.width }, {
    responsive: true, displaylogo: false, displayModeBar: false, scrollZoom: false, topojsonURL: '/', plotlyServerURL: '', locale: config.locale,
  })
}
export const clear = (element) => Plotly.purge(element)
