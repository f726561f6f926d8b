// first.jsx - the first visit: one sentence, the composer, three examples.
import { Composer } from './composer.jsx'
import { examples, runExample } from './gallery.js'
import { models } from './state.js'

export function First({ conversation }) {
  const alone = models.value.length === 1 && models.value[0].id === 'offline'
  return (
    <section class="scroll first" aria-label="First visit" tabIndex="0">
      <div class="first__page">
        <div class="bell">
          <svg class="bell__glass" viewBox="0 0 720 386" preserveAspectRatio="none" aria-hidden="true"><path d="M1 386V246C1 82 150 1 360 1s359 81 359 245v140" /><path class="bell__shine" d="M692 254c0-84-44-146-116-186" /></svg>
          <svg class="bell__knob" viewBox="0 0 28 46" aria-hidden="true"><circle cx="14" cy="14" r="12" /><path d="M14 26v20" /></svg>
          <h1 class="first__sentence">Drop a file or ask a question, and Cloche answers with Python it runs on this machine, in plain sight.</h1>
          <Composer conversation={conversation} first />
        </div>
        <div class="first__ground" aria-hidden="true" />
        <p class="first__model">{alone && <>No model is configured, so the <strong>offline analyst</strong> answers: it profiles files and runs the Python you paste, by rule, without a language model. To add one, set <code>OPENAI_API_KEY</code> or <code>ANTHROPIC_API_KEY</code> before <code>cloche serve</code>, or start Ollama here; it is found by itself.</>}</p>
        <ul class="examples" aria-label="Examples">
          {examples.map((e) => (
            <li key={e.id}><button type="button" class="example" onClick={() => runExample(e)}><svg class="thumb" aria-hidden="true"><use href={`#${e.thumb}`} /></svg><span class="example__name">{e.name}</span><span class="example__what">{e.what}</span></button></li>))}
        </ul>
      </div>
    </section>
  )
}
