// outside.js - the one line of the frame that shows a picture from elsewhere. Its address comes after the #; the
// frame has no origin, and its policy lets it load pictures and nothing else. It tells the page how large the picture is.
const picture = new Image()
picture.alt = ''
picture.referrerPolicy = 'no-referrer'
picture.onload = () => parent.postMessage({ width: picture.naturalWidth, height: picture.naturalHeight }, '*')
picture.onerror = () => parent.postMessage({ width: 0, height: 0 }, '*')
picture.style.cssText = 'position:fixed;inset:0;width:100%;height:100%;object-fit:contain'
picture.src = decodeURIComponent(location.hash.slice(1))
document.body.append(picture)
