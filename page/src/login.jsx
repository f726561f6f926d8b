// login.jsx - the one question when this server has keys. The key is sent once; a cookie that no script can read
// stands for it afterwards.
import { useState } from 'preact/hooks'
import { request, locked } from './api.js'
import { Icon } from './parts.jsx'
import { keyed } from './state.js'

export function Login() {
  const [key, setKey] = useState('')
  const [error, setError] = useState('')
  const send = async (e) => {
    e.preventDefault()
    try {
      await request('/api/login', { json: { key: key.trim() } })
      locked.value = false
      keyed.value = true
      location.reload()
    } catch (failed) {
      setError(failed.status === 401 ? 'This is no key of this server, or it was revoked.' : failed.message)
    }
  }
  return (
    <main class="login">
      <form class="login__form" onSubmit={send}>
        <svg class="glyph glyph--large" data-state="expired" viewBox="0 0 48 48" aria-hidden="true"><use href="#g-glass" /></svg>
        <h1 class="login__title">This Cloche asks for a key</h1>
        <p class="quiet">Whoever runs it makes one with <code>cloche key create</code>. It is asked for once on this browser.</p>
        <label class="form__label">Key<input class="input" type="password" autocomplete="current-password" required value={key} onInput={(e) => setKey(e.currentTarget.value)} autofocus /></label>
        {error && <p class="login__error" role="alert"><Icon name="alert" /> {error}</p>}
        <button class="button button--main" type="submit">Open</button>
      </form>
    </main>
  )
}
