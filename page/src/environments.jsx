// environments.jsx - building an environment, with its progress.
import { useRef, useState } from 'preact/hooks'
import { get, stream } from './api.js'
import { Button, Dialog } from './parts.jsx'
import { chosenEnvironment, dialog, environments } from './state.js'

export async function loadEnvironments() { environments.value = (await get('/v1/environments')).data }

export function BuildEnvironment() {
  const name = useRef(), wants = useRef()
  const [lines, setLines] = useState([])
  const [state, setState] = useState('') // '', building, done, failed
  const build = async (e) => {
    e.preventDefault()
    setState('building')
    setLines([])
    let failed = ''
    try {
      await stream('/v1/environments', { json: { name: name.current.value.trim(), requirements: wants.current.value.split('\n').map((line) => line.trim()).filter(Boolean) } }, (events) => {
        for (const event of events) {
          if (event.type === 'environment.failed' || event.error) failed = event.error?.message ?? event.message ?? 'It could not be built.'
          else setLines((old) => [...old, [event.phase, event.total ? `${event.done} of ${event.total}` : '', event.detail ?? event.text].filter(Boolean).join(', ') || event.type].slice(-200))
        }
      })
    } catch (error) { failed = error.message }
    if (failed) { setLines((old) => [...old, failed]); return setState('failed') }
    await loadEnvironments()
    chosenEnvironment.value = name.current.value.trim()
    setState('done')
  }
  return (
    <Dialog title="Build an environment" onClose={() => { dialog.value = null }}>
      <form class="form" onSubmit={build}>
        <label>Name<input class="input" ref={name} required pattern="[a-z0-9][a-z0-9-]*" placeholder="geo" autocomplete="off" /></label>
        <label>Packages, one a line<textarea class="input" ref={wants} rows="4" placeholder={'geopandas==1.0.1\nshapely'} /></label>
        {lines.length > 0 && <pre class="form__log" tabIndex="0" role="log" aria-label="Progress">{lines.join('\n')}</pre>}
        {state === 'done' && <p role="status">It is built. New sessions use it.</p>}
        <p class="dialog__acts"><Button onClick={() => { dialog.value = null }}>Close</Button><button class="button button--main" type="submit" disabled={state === 'building'}>{state === 'building' ? 'Building …' : 'Build'}</button></p>
      </form>
    </Dialog>
  )
}
