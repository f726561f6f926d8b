// composer.jsx - where one asks. Stop is where Send was.
import { useEffect, useRef } from 'preact/hooks'
import { paragraphs } from './conversation.js'
import { bytes, fileIcon } from './format.js'
import { Button, Icon, IconButton, Meter } from './parts.jsx'
import { interpreter, offline } from './state.js'

function Chips({ conversation }) {
  if (!conversation.chips.value.length) return null
  return (
    <ul class="chips composer__chips" aria-label="Files to be sent">
      {conversation.chips.value.map((chip) => {
        const failed = chip.error.value, ready = chip.id.value
        return (
          <li class="chip" key={chip.key} data-uploading={!ready && !failed ? '' : undefined} data-refused={failed ? '' : undefined} data-ready={ready ? '' : undefined} title={failed || undefined}>
            <span class="chip__link"><Icon name={failed ? 'alert' : fileIcon(chip.name)} /><span class="chip__name">{chip.name}</span>
              <span class="chip__size">{failed || (ready ? bytes(chip.bytes) : `${Math.round(chip.progress.value * 100)} %`)}</span></span>
            <button type="button" class="chip__get" aria-label={`Remove ${chip.name}`} onClick={() => conversation.detach(chip)}><Icon name="x" /></button>
            {!ready && !failed && <Meter value={chip.progress.value} label={`Upload of ${chip.name}`} />}
          </li>
        )
      })}
    </ul>
  )
}

export function addFiles(conversation, files) {
  for (const file of files) conversation.attach(file)
  document.getElementById('composer')?.focus()
}

/** A table copied from a spreadsheet is text with tabs: beyond a few rows it is better a file. */
function pasted(e, conversation) {
  const files = [...e.clipboardData.files]
  const text = e.clipboardData.getData('text/plain')
  const rows = text.trimEnd().split('\n')
  if (files.length) {
    e.preventDefault()
    addFiles(conversation, files.map((file, i) => (file.name && file.name !== 'image.png' ? file : new File([file], `pasted-${Date.now() % 100000}-${i}.png`, { type: file.type }))))
  } else if (rows.length > 2 && rows.every((row) => row.split('\t').length === rows[0].split('\t').length) && rows[0].includes('\t')) {
    e.preventDefault()
    addFiles(conversation, [new File([text], 'pasted.tsv', { type: 'text/tab-separated-values' })])
  }
}

export function Composer({ conversation, first = false }) {
  const text = useRef(), picker = useRef()
  const busy = conversation.busy.value
  const value = conversation.text.value
  const empty = !value.trim() && conversation.chips.value.length === 0
  useEffect(() => {
    const area = text.current
    area.style.blockSize = 'auto'
    area.style.blockSize = `${Math.min(area.scrollHeight, 12 * 24)}px`
  }, [value])
  const send = () => {
    if (empty) return
    conversation.text.value = ''
    if (busy) conversation.waiting.value = paragraphs(conversation.waiting.value, value.trim())
    else conversation.send(value.trim())
  }
  const key = (e) => { if (e.key === 'Enter' && (e.ctrlKey || e.metaKey)) { e.preventDefault(); send() } }
  const hint = offline.value ? 'The server does not answer: what is written here stays'
    : conversation.waiting.value ? <>“{conversation.waiting.value.slice(0, 40)}” goes out once this run has ended well</>
      : busy ? <><kbd>Ctrl Enter</kbd> sends once this run has ended</> : first ? 'or drop them anywhere in this window' : <><kbd>Ctrl Enter</kbd> sends</>
  return (
    <form class={`composer ${first ? 'first__composer' : ''}`} aria-label="Composer" onSubmit={(e) => { e.preventDefault(); send() }}>
      <Chips conversation={conversation} />
      <textarea class="composer__text" id="composer" ref={text} rows={first ? 2 : 1} value={value} aria-label="Message" placeholder={first ? 'Ask about a file, or paste Python' : 'Ask a follow-up, or paste Python'}
        onInput={(e) => { conversation.text.value = e.currentTarget.value }} onKeyDown={key} onPaste={(e) => pasted(e, conversation)} />
      <div class="composer__row">
        {first ? <Button icon="attach" kind="quiet" onClick={() => picker.current.click()}>Add files</Button> : <IconButton icon="attach" label="Add files" onClick={() => picker.current.click()} />}
        <input type="file" ref={picker} multiple hidden aria-hidden="true" tabIndex="-1" onChange={(e) => { addFiles(conversation, e.currentTarget.files); e.currentTarget.value = '' }} />
        <button type="button" class="button button--quiet toggle" role="switch" aria-checked={interpreter.value} onClick={() => { interpreter.value = !interpreter.value }}
          title={interpreter.value ? 'Answers may run Python' : 'Answers are words alone'}><span class="toggle__mark" aria-hidden="true" /><span>Python</span></button>
        <span class="composer__hint">{hint}</span>
        {busy
          ? <Button icon="stop" kind="main" hint="Esc" onClick={() => conversation.stop()}>Stop</Button>
          : <Button icon="send" kind="main" why={empty ? 'There is nothing to send yet' : ''} onClick={send}>Send</Button>}
      </div>
    </form>
  )
}
