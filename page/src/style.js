// style.js - a style sheet that belongs to a module which is fetched late; the document knows its address.
export function style(name) {
  return new Promise((resolve, reject) => {
    const link = document.createElement('link')
    link.rel = 'stylesheet'
    link.href = document.querySelector(`meta[name="style-${name}"]`).content
    link.onload = resolve
    link.onerror = () => reject(new Error('its style sheet could not be fetched'))
    document.head.append(link)
  })
}
