// environments.jsx - building an environment, with its progress.
import { signal } from '@preact/signals'
import { useEffect, useRef } from 'preact/hooks'
import { get, stream } from './api.js'
import { Button, Dialog } from './parts.jsx'
import { announce, chosenEnvironment, dialog, environments } from './state.js'

export async function loadEnvironments() { environments.value = (await get('/v1/environments')).data }

/** The build that this page watches. It goes on while its dialog is shut, and is found there again. */
const none = { state: '', lines: [], failure: '' } // '', building, done, failed
const work = signal(none)

function tell(event) {
  const line = [event.phase, event.total ? `${event.done} of ${event.total}` : '', event.detail ?? event.text].filter(Boolean).join(', ')
  const { lines } = work.value
  if (line && line !== lines.at(-1)) work.value = { ...work.value, lines: [...lines, line].slice(-200) }
}

async function build(name, requirements) {
  let failure = 'The build ended before it was done.'
  work.value = { ...none, state: 'building' }
  try {
    await stream('/v1/environments', { json: { name, requirements } }, (events) => {
      for (const event of events) {
        if (event.type === 'environment.completed') failure = ''
        else if (event.error) failure = event.error.message
        else tell(event)
      }
    })
    if (!failure) { await loadEnvironments(); chosenEnvironment.value = name }
  } catch (e) { failure = e.message }
  work.value = { ...work.value, state: failure ? 'failed' : 'done', failure }
  if (!dialog.value) announce(failure ? `The environment ${name} was not built: ${failure}` : `The environment ${name} is built.`)
}

export function BuildEnvironment() {
  const name = useRef(), wants = useRef()
  const { state, lines, failure } = work.value
  useEffect(() => { if (state !== 'building') work.value = none }, [])
  const begin = (e) => {
    e.preventDefault()
    build(name.current.value.trim(), wants.current.value.split('\n').map((line) => line.trim()).filter(Boolean))
  }
  return (
    <Dialog title="Build an environment" onClose={() => { dialog.value = null }}>
      <form class="form" onSubmit={begin}>
        <label>Name<input class="input" ref={name} required pattern="[a-z0-9][a-z0-9._\-]*" placeholder="geo" autocomplete="off" /></label>
        <label>Packages, one a line<textarea class="input" ref={wants} rows="4" placeholder={'geopandas==1.0.1\nshapely'} /></label>
        {lines.length > 0 && <pre class="form__log" tabIndex="0" role="log" aria-label="Progress">{lines.join('\n')}</pre>}
        {state === 'done' && <p role="status">It is built. New sessions use it.</p>}
        {state === 'failed' && <p class="form__wrong" role="alert">It was not built: {failure}</p>}
        <p class="dialog__acts"><Button onClick={() => { dialog.value = null }}>Close</Button><button class="button button--main" type="submit" disabled={state === 'building'}>{state === 'building' ? 'Building …' : 'Build'}</button></p>
      </form>
    </Dialog>
  )
}
