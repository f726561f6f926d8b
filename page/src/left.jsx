// left.jsx - conversations by day, the gallery, and what answers in which environment.
import { useEffect, useRef, useState } from 'preact/hooks'
import { conversations, current, forget, rename } from './conversation.js'
import { day } from './format.js'
import { examples, runExample } from './gallery.js'
import { Button, Dialog, Icon, IconButton, Menu } from './parts.jsx'
import { announce, chosenEnvironment, chosenModel, dark, dialog, environments, leftOpen, models, route, sheet, theme } from './state.js'
import { BuildEnvironment } from './environments.jsx'
import { Resizer } from './resizer.jsx'

const titleOf = (c) => c.metadata?.title || 'Conversation'

function Item({ c }) {
  const [name, setName] = useState(null)
  const field = useRef(), settled = useRef(false) // a field that goes away loses the focus: that must not answer twice
  const here = route.value.conversation === c.id
  const running = here && current.value?.busy.value
  const title = here ? current.value?.title.value || titleOf(c) : titleOf(c)
  useEffect(() => { if (name !== null) field.current?.select() }, [name === null])
  const close = (keep) => {
    if (settled.current) return
    settled.current = true
    const next = name.trim()
    setName(null)
    if (keep && next && next !== title) rename(c.id, next).catch((e) => announce(`It keeps its name: ${e.message}`))
  }
  if (name !== null) {
    return <li class="item"><form class="item__form" onSubmit={(e) => { e.preventDefault(); close(true) }}><input ref={field} class="item__field" aria-label={`New name of “${title}”`} value={name} onInput={(e) => setName(e.currentTarget.value)}
      onKeyDown={(e) => { if (e.key === 'Escape') { e.stopPropagation(); close(false) } }} onBlur={() => close(true)} /></form></li>
  }
  const ask = () => { dialog.value = () => (
    <Dialog title={`Delete “${title}”?`} onClose={() => { dialog.value = null }}>
      <p>Its questions and answers go for good. The session goes by itself, when it has not been used for a while.</p>
      <p class="dialog__acts"><Button onClick={() => { dialog.value = null }}>Keep it</Button><Button kind="main" onClick={() => { dialog.value = null; forget(c.id) }}>Delete</Button></p>
    </Dialog>) }
  return (
    <li class="item" data-current={here ? '' : undefined}>
      <a class="item__link" href={`#/${c.id}`} aria-current={here ? 'page' : undefined}><span class="item__name">{title}</span>{running && <span class="dot" title="Running"><span class="visually-hidden">, running</span></span>}</a>
      <Menu label={`“${title}”`} end button={(props) => <button type="button" class="icon-button item__more" aria-label={`Rename or delete “${title}”`} {...props}><Icon name="more" /></button>}
        items={[{ label: 'Rename', icon: 'pen', run: () => { settled.current = false; setName(title) } }, { label: 'Delete', icon: 'trash', run: ask }]} />
    </li>
  )
}

function Groups({ list }) {
  const groups = Map.groupBy ? Map.groupBy(list, (c) => day(c.created_at)) : list.reduce((m, c) => m.set(day(c.created_at), [...(m.get(day(c.created_at)) ?? []), c]), new Map())
  return [...groups].map(([name, items], i) => (
    <section class="group" key={name} aria-labelledby={`group-${i}`}>
      <h2 class="group__title" id={`group-${i}`}>{name}</h2>
      <ul class="list">{items.map((c) => <Item key={c.id} c={c} />)}</ul>
    </section>
  ))
}

export const modelName = (id) => (id === 'offline' ? 'offline analyst' : id)
/** With nothing but the analyst there is no choice to name; else the server decides what its default is. */
export const defaultModel = () => (models.value.length > 1 ? 'default' : 'offline')

function Pickers() {
  const environment = chosenEnvironment.value || environments.value.find((e) => e.default)?.name || ''
  const model = models.value.some((m) => m.id === chosenModel.value) ? chosenModel.value : ''
  return (
    <div class="side__foot">
      <Menu label="Environment of new sessions" up options
        button={(props) => <button type="button" class="picker" {...props}><Icon name="pot" /><span class="picker__label">Environment</span><span class="picker__value">{environment}</span><Icon name="updown" /></button>}
        items={[...environments.value.map((e) => ({ label: e.name, note: `Python ${e.python_version?.split('.').slice(0, 2).join('.')}`, selected: e.name === environment, run: () => { chosenEnvironment.value = e.name } })),
          { label: 'Build one …', icon: 'plus', run: () => { dialog.value = () => <BuildEnvironment /> } }]} />
      <Menu label="Model" up options
        button={(props) => <button type="button" class="picker" {...props}><Icon name="pen" /><span class="picker__label">Model</span><span class="picker__value">{modelName(model || defaultModel())}</span><Icon name="updown" /></button>}
        items={[...(models.value.length > 1 ? [{ label: 'default', note: 'the server’s choice', selected: !model, run: () => { chosenModel.value = '' } }] : []),
          ...models.value.map((m) => ({ label: modelName(m.id), selected: m.id === (model || defaultModel()), run: () => { chosenModel.value = m.id } }))]} />
    </div>
  )
}

export function Left() {
  const [search, setSearch] = useState('')
  const list = conversations.value.filter((c) => titleOf(c).toLowerCase().includes(search.toLowerCase().trim()))
  const close = () => { sheet.value ? (sheet.value = '') : (leftOpen.value = false) }
  return (
    <nav class="side side--left" id="list" aria-label="Conversations">
      <div class="bar side__bar">
        <a class="brand" href="#/" aria-label="Cloche, new conversation"><svg class="brand__mark" aria-hidden="true"><use href="#i-bell" /></svg><svg class="brand__name" aria-hidden="true"><use href="#wordmark" /></svg></a>
        <IconButton icon="light" label="Change between light and dark" onClick={() => { theme.value = dark() ? 'light' : 'dark' }} />
        <IconButton icon="panel-left" label="Close the list of conversations" aria-expanded="true" aria-controls="list" onClick={close} />
      </div>
      <div class="side__head">
        <a class="button button--wide" href="#/"><Icon name="plus" /><span>New conversation</span></a>
        <label class="field"><Icon name="search" /><input type="search" placeholder="Search conversations" aria-label="Search conversations" value={search} onInput={(e) => setSearch(e.currentTarget.value)} /></label>
      </div>
      <div class="side__body" tabIndex="0" role="region" aria-label="All conversations and examples">
        {conversations.value.length === 0 && <p class="quiet side__empty">Conversations appear here. They are kept on this machine.</p>}
        {search && list.length === 0 && conversations.value.length > 0 && <p class="quiet side__empty">No conversation has “{search}” in its name.</p>}
        <Groups list={list} />
        <section class="group group--examples" aria-labelledby="group-examples">
          <h2 class="group__title" id="group-examples">Examples</h2>
          <ul class="list">{examples.map((e) => (
            <li class="item" key={e.id}><button type="button" class="item__link item__link--thumb" onClick={(click) => click.detail < 2 && runExample(e)}><svg class="thumb thumb--small" aria-hidden="true"><use href={`#${e.thumb}`} /></svg><span class="item__name">{e.name}</span></button></li>))}</ul>
        </section>
      </div>
      <Pickers />
      <Resizer side="left" />
    </nav>
  )
}
