// parts.jsx - what everything is made of: icons, buttons, menus, lines of code.
import { useEffect, useId, useLayoutEffect, useMemo, useRef, useState } from 'preact/hooks'
import { highlightLines } from './highlight.js'

export const Icon = ({ name, className = 'icon' }) => <svg class={className} aria-hidden="true"><use href={`#i-${name}`} /></svg>

export const IconButton = ({ icon, label, className = '', ...rest }) => (
  <button type="button" class={`icon-button ${className}`} aria-label={label} title={label} {...rest}><Icon name={icon} /></button>
)

/** A button that says why it cannot be used instead of only looking so. */
export function Button({ icon, children, kind = '', why = '', hint, onClick, ...rest }) {
  return (
    <button type="button" class={`button ${kind && kind.split(' ').map((k) => 'button--' + k).join(' ')}`} aria-disabled={why ? 'true' : undefined}
      title={why || undefined} onClick={why ? undefined : onClick} {...rest}>
      {icon && <Icon name={icon} />}{children && <span>{children}</span>}{hint && <kbd>{hint}</kbd>}
    </button>
  )
}

/** Highlighted code, a span for each line. */
export function Code({ code, language = 'python', caret = false, numbered = false }) {
  const lines = useMemo(() => highlightLines(code, language), [code, language])
  return (
    <code>
      {lines.map((line, i) => (
        <span class="ln" key={i} style={line.indent ? { '--in': `${line.indent}ch` } : undefined}>
          <span dangerouslySetInnerHTML={{ __html: line.html || (numbered ? ' ' : '\n') }} />
          {caret && i === lines.length - 1 && <span class="caret" />}
        </span>
      ))}
    </code>
  )
}

/** A <pre> that is a stop of the Tab key only where it overflows. */
export function Pre({ children, label, ...rest }) {
  const ref = useRef()
  const [over, setOver] = useState(false)
  useLayoutEffect(() => {
    const look = () => setOver(ref.current && (ref.current.scrollWidth > ref.current.clientWidth + 1 || ref.current.scrollHeight > ref.current.clientHeight + 1))
    look()
    const observer = new ResizeObserver(look)
    observer.observe(ref.current)
    return () => observer.disconnect()
  }, [children])
  return <pre ref={ref} tabIndex={over ? 0 : undefined} role={over && label ? 'region' : undefined} aria-label={over ? label : undefined} {...rest}>{children}</pre>
}

/** A button with a menu: `items` are {label, note, icon, run, selected, why, href, download} or 'line'. */
export function Menu({ button, items, label, up = false, end = false, options = false }) {
  const [shown, setShown] = useState(false)
  const root = useRef(), list = useRef()
  const id = useId()
  useEffect(() => {
    if (!shown) return
    const outside = (e) => { if (!root.current.contains(e.target)) setShown(false) }
    addEventListener('pointerdown', outside)
    ;(list.current.querySelector('[aria-checked="true"], [aria-selected="true"]') ?? list.current.querySelector('[role]'))?.focus()
    return () => removeEventListener('pointerdown', outside)
  }, [shown])
  const close = (back = true) => { setShown(false); if (back) root.current.querySelector('button').focus() }
  const key = (e) => {
    const entries = [...list.current.querySelectorAll('[role="menuitem"], [role="menuitemradio"]')]
    const at = entries.indexOf(document.activeElement)
    const to = { ArrowDown: at + 1, ArrowUp: at - 1, Home: 0, End: entries.length - 1 }[e.key]
    if (to !== undefined) { e.preventDefault(); entries.at(to % entries.length)?.focus() }
    if (e.key === 'Escape') { e.preventDefault(); e.stopPropagation(); close() }
    if (e.key === 'Tab') setShown(false)
  }
  return (
    <div class="menu" ref={root}>
      {button({ 'aria-haspopup': 'menu', 'aria-expanded': shown, 'aria-controls': shown ? id : undefined, onClick: () => setShown(!shown) })}
      {shown && (
        <div class={`menu__list ${up ? 'menu__list--up' : ''} ${end ? 'menu__list--end' : ''}`} id={id} role="menu" aria-label={label} ref={list} onKeyDown={key}>
          {items.map((item, i) => {
            const inner = <>{item.icon && <Icon name={item.icon} />}<span class="menu__label">{item.label}</span>{item.note && <span class="menu__note">{item.note}</span>}</>
            const role = options ? { role: 'menuitemradio', 'aria-checked': Boolean(item.selected) } : { role: 'menuitem' }
            return item.href
              ? <a key={i} class="menu__item" tabIndex="-1" {...role} href={item.href} download={item.download} onClick={() => close()}>{inner}</a>
              : <button key={i} type="button" class="menu__item" tabIndex="-1" {...role} aria-disabled={item.why ? 'true' : undefined} title={item.why}
                  onClick={() => { if (item.why) return; close(); item.run() }}>{inner}</button>
          })}
        </div>
      )}
    </div>
  )
}

/** A modal dialog; the browser keeps the focus inside and gives it back. */
export function Dialog({ title, onClose, children, className = '' }) {
  const ref = useRef()
  const id = useId()
  useEffect(() => { ref.current.showModal() }, [])
  return (
    <dialog class={`dialog ${className}`} ref={ref} aria-labelledby={id} onClose={onClose} onCancel={onClose}
      onClick={(e) => e.target === ref.current && onClose()}>
      <div class="dialog__body"><h2 class="dialog__title" id={id}>{title}</h2>{children}</div>
    </dialog>
  )
}

export const Meter = ({ value, label }) => (
  <span class="meter" role="progressbar" aria-label={label} aria-valuemin="0" aria-valuemax="100" aria-valuenow={Math.round(value * 100)}><span style={{ inlineSize: `${Math.round(value * 100)}%` }} /></span>
)
