// plot.js - plotly's own figures, drawn by the strict build of plotly.js (no code made of text), fetched when the first
// one appears. Its style sheet is style/plotly.css: the page's policy forbids styles that a script writes, and plotly
// leaves them alone where it finds this mark.
import { style } from './style.js'

await style('plotly')
// the second is the style sheet of its maps, which would fetch their tiles from elsewhere and draw nothing here
for (const id of ['plotly.js-style-global', '9f215cf04c5486422605d13261cb87401f4e7763b6296af81e98efbc0130da53']) {
  const mark = document.createElement('div')
  mark.id = id
  mark.className = 'no-inline-styles'
  mark.hidden = true
  document.body.append(mark)
}
const { default: Plotly } = await import('plotly.js-strict-dist-min')

export function draw(element, { data, layout = {} }) {
  return Plotly.react(element, data, { ...layout, autosize: !layout.width }, {
    responsive: true, displaylogo: false, displayModeBar: false, scrollZoom: false, topojsonURL: '/', plotlyServerURL: '',
  })
}
export const clear = (element) => Plotly.purge(element)
