// outside.js - the script of the frame that shows a picture from elsewhere. The address comes from the page, in a message:
// from anybody else, and from the frame's own address, nothing is taken, for strangers' frames and links can lead here.
// The frame has no origin, and its policy lets it load pictures and nothing else. It tells the page how large this one is.
function show(address) {
  const picture = new Image()
  picture.alt = ''
  picture.referrerPolicy = 'no-referrer'
  picture.onload = () => parent.postMessage({ width: picture.naturalWidth, height: picture.naturalHeight }, location.origin)
  picture.onerror = () => parent.postMessage({ width: 0, height: 0 }, location.origin)
  picture.style.cssText = 'position:fixed;inset:0;width:100%;height:100%;object-fit:contain'
  picture.src = address
  document.body.replaceChildren(picture)
}
addEventListener('message', ({ source, origin, data }) => {
  if (parent !== window && source === parent && origin === location.origin) show(data)
})
