// OpenAI's JavaScript client, unchanged, against Cloche. test_openai_node.py runs one scenario at a time:
//     OPENAI_BASE_URL=… OPENAI_API_KEY=… node scenarios.mjs 'NAME'
// The models are scripted there: what a person says last chooses the script.
import assert from 'node:assert/strict';
import OpenAI, { APIError, BadRequestError, NotFoundError, toFile } from 'openai';

const client = new OpenAI({ maxRetries: 0, timeout: 60_000 });
const scenarios = new Map();
const scenario = (name, body) => scenarios.set(name, body);

const model = 'openai/gpt-scripted';
const interpreter = { type: 'code_interpreter', container: { type: 'auto' } };
const include = ['code_interpreter_call.outputs'];
const weather = {
  type: 'function', name: 'weather', description: 'd', strict: true,
  parameters: { type: 'object', properties: { city: { type: 'string' } }, required: ['city'], additionalProperties: false },
};
const create = (input, more) => client.responses.create({ model, input, tools: [interpreter], include, ...more });
const gather = async (stream) => {
  const all = [];
  for await (const one of stream) all.push(one);
  return all;
};
const execute = (container, code) => client.post(`/containers/${container}/execute`, { body: { code } });

// ---- responses --------------------------------------------------------------------------------------------------

scenario('a response', async () => {
  const { data: response, response: http } = await create('six times seven', {
    instructions: 'Be brief.', metadata: { k: 'v' },
  }).withResponse();
  const [call, message] = response.output;
  assert.equal(call.type, 'code_interpreter_call');
  assert.equal(call.code, "print('hi')\n6*7");
  assert.deepEqual(call.outputs, [{ type: 'logs', logs: 'hi\n42' }]);
  assert.match(call.container_id, /^cntr_/);
  assert.equal(message.role, 'assistant');
  assert.equal(response.output_text, 'It is 42. 😀');
  assert.equal(response.status, 'completed');
  assert.deepEqual(response.tools, [interpreter]);
  assert.deepEqual(response.metadata, { k: 'v' });
  assert.equal(response.usage.total_tokens, response.usage.input_tokens + response.usage.output_tokens);
  assert.match(http.headers.get('x-request-id'), /^req_/);
});

scenario('a response streamed', async () => {
  const told = await gather(await create('six times seven', { stream: true }));
  assert.deepEqual(told.map((event) => event.sequence_number), told.map((_, n) => n));
  const code = told.filter((event) => event.type === 'response.code_interpreter_call_code.delta');
  assert.equal(code.map((event) => event.delta).join(''), "print('hi')\n6*7");
  const types = told.map((event) => event.type);
  for (const type of ['in_progress', 'interpreting', 'completed'])
    assert.equal(types.filter((other) => other === `response.code_interpreter_call.${type}`).length, 1, type);
  assert.equal(types.at(-1), 'response.completed');
  const kept = await client.responses.retrieve(told.at(-1).response.id, { include });
  assert.deepEqual(kept.output, told.at(-1).response.output);
  assert.equal(kept.output_text, 'It is 42. 😀');
});

scenario('the stream helper', async () => {
  const texts = [];
  const stream = client.responses
    .stream({ model, input: 'six times seven', tools: [interpreter], include })
    .on('response.output_text.delta', (event) => texts.push(event.delta));
  const seen = await gather(stream);
  const final = await stream.finalResponse();
  assert.equal(texts.join(''), 'It is 42. 😀');
  assert.equal(final.output_text, 'It is 42. 😀');
  assert.deepEqual(final.output.map((item) => item.type), ['code_interpreter_call', 'message']);
  assert.deepEqual(final.output[0].outputs, [{ type: 'logs', logs: 'hi\n42' }]);
  assert.equal(seen.at(-1).type, 'response.completed');
  const again = client.responses.stream({ response_id: final.id, starting_after: 4 });
  assert.deepEqual((await gather(again)).map((event) => event.type), seen.slice(5).map((event) => event.type));
  assert.equal((await again.finalResponse()).output_text, 'It is 42. 😀');
});

scenario('two pieces of code, text between them, through the helper', async () => {
  const final = await client.responses.stream({ model, input: 'both', tools: [interpreter], include }).finalResponse();
  assert.deepEqual(final.output.map((item) => item.type),
    ['message', 'code_interpreter_call', 'code_interpreter_call', 'message']);
  assert.deepEqual(final.output.slice(1, 3).map((item) => item.outputs[0].logs), ['1', '2']);
});

scenario('other wires upstream', async () => {
  for (const other of ['second/gpt-scripted', 'anthropic/claude-scripted']) {
    const plain = await create('six times seven', { model: other });
    const final = await client.responses
      .stream({ model: other, input: 'six times seven', tools: [interpreter], include }).finalResponse();
    for (const response of [plain, final]) {
      assert.equal(response.output_text, 'It is 42. 😀', other);
      assert.deepEqual(response.output[0].outputs, [{ type: 'logs', logs: 'hi\n42' }], other);
    }
  }
});

scenario('a stream taken up again, in the background', async () => {
  const stream = await create('six times seven', { stream: true, background: true });
  let last, id;
  for await (const event of stream) {
    last = event.sequence_number;
    id ??= event.response?.id;
    if (event.type === 'response.code_interpreter_call.interpreting') break;
  }
  const rest = await gather(await client.responses.retrieve(id, { stream: true, starting_after: last }));
  assert.equal(rest[0].sequence_number, last + 1);
  assert.equal(rest.at(-1).type, 'response.completed');
  assert.equal((await client.responses.retrieve(id)).output_text, 'It is 42. 😀');
});

scenario('background, cancel, delete', async () => {
  const begun = await create('endless', { background: true });
  assert.ok(['queued', 'in_progress'].includes(begun.status));
  assert.equal((await client.responses.cancel(begun.id)).status, 'cancelled');
  await client.responses.delete(begun.id);
  await assert.rejects(client.responses.retrieve(begun.id), NotFoundError);
});

scenario('what was said before', async () => {
  const first = await create('remember');
  const second = await create('what was it', { previous_response_id: first.id });
  assert.equal(second.output[0].container_id, first.output[0].container_id);
  assert.equal(second.output[0].outputs[0].logs, '5');
  const items = await gather(client.responses.inputItems.list(second.id, { limit: 1, order: 'asc' }));
  assert.equal(items.at(-1).content[0].text, 'what was it');
  const counted = await client.responses.inputTokens.count({ model, input: 'hello' });
  assert.ok(counted.input_tokens > 0);
});

scenario('a function of the client', async () => {
  const tools = [interpreter, weather];
  const stream = client.responses.stream({ model, input: 'the weather', tools });
  const first = await stream.finalResponse();
  const call = first.output.find((item) => item.type === 'function_call');
  assert.deepEqual(JSON.parse(call.arguments), { city: 'Ulm' });
  const second = await client.responses.create({
    model, tools, previous_response_id: first.id,
    input: [{ type: 'function_call_output', call_id: call.call_id, output: 'wet' }],
  });
  assert.equal(second.output_text, 'Rain.');
});

scenario('conversations', async () => {
  const made = await client.conversations.create({ metadata: { a: 'b' }, items: [{ role: 'user', content: 'I am Bell.' }] });
  const response = await create('six times seven', { conversation: made.id });
  assert.equal(response.conversation.id, made.id);
  const items = await gather(client.conversations.items.list(made.id, { order: 'asc', limit: 2, include }));
  assert.deepEqual(items.map((item) => item.type), ['message', 'message', 'code_interpreter_call', 'message']);
  assert.equal(items[2].outputs[0].logs, 'hi\n42');
  const added = await client.conversations.items.create(made.id, { items: [{ role: 'user', content: 'more' }] });
  const one = await client.conversations.items.retrieve(added.data[0].id, { conversation_id: made.id });
  assert.equal(one.content[0].text, 'more');
  assert.equal((await client.conversations.items.delete(one.id, { conversation_id: made.id })).id, made.id);
  assert.deepEqual((await client.conversations.update(made.id, { metadata: { c: 'd' } })).metadata, { c: 'd' });
  assert.equal((await client.conversations.retrieve(made.id)).object, 'conversation');
  assert.ok((await client.conversations.delete(made.id)).deleted);
  await assert.rejects(client.conversations.retrieve(made.id), NotFoundError);
});

// ---- containers and files ---------------------------------------------------------------------------------------

scenario('containers and their files', async () => {
  const made = await client.containers.create({
    name: 'from node', memory_limit: '1g', expires_after: { anchor: 'last_active_at', minutes: 10 },
  });
  assert.equal(made.object, 'container');
  assert.equal(made.expires_after.minutes, 10);
  assert.equal((await client.containers.retrieve(made.id)).id, made.id);
  assert.ok((await gather(client.containers.list({ limit: 2 }))).some((other) => other.id === made.id));
  const file = await client.containers.files.create(made.id, { file: await toFile(Buffer.from('a,b\n1,2\n'), 'ü b.csv') });
  assert.equal(file.path, '/mnt/data/ü b.csv');
  assert.equal(file.bytes, 8);
  const kept = await client.files.create({ file: await toFile(Buffer.from('kept'), 'kept.txt'), purpose: 'user_data' });
  await client.containers.files.create(made.id, { file_id: kept.id });
  const ran = await execute(made.id, "open('up.csv', 'w').write(open('ü b.csv').read().upper()); print(open('kept.txt').read())");
  assert.equal(ran.stdout, 'kept\n');
  const files = await gather(client.containers.files.list(made.id, { limit: 1 }));
  assert.deepEqual(files.map((entry) => entry.path).sort(), ['/mnt/data/kept.txt', '/mnt/data/up.csv', '/mnt/data/ü b.csv']);
  const up = files.find((entry) => entry.path === '/mnt/data/up.csv');
  assert.equal(up.source, 'assistant');
  const content = await client.containers.files.content.retrieve(up.id, { container_id: made.id });
  assert.equal(await content.text(), 'A,B\n1,2\n');
  assert.equal((await client.containers.files.retrieve(up.id, { container_id: made.id })).bytes, 8);
  await client.containers.files.delete(up.id, { container_id: made.id });
  await assert.rejects(client.containers.files.retrieve(up.id, { container_id: made.id }), NotFoundError);
  await client.containers.delete(made.id);
  await assert.rejects(client.containers.retrieve(made.id), NotFoundError);
  await client.files.delete(kept.id);
});

scenario('files of an answer', async () => {
  const response = await create('a table');
  const part = response.output.at(-1).content[0];
  const [cited] = part.annotations;
  assert.equal(cited.type, 'container_file_citation');
  assert.equal(part.text.slice(cited.start_index, cited.end_index), 'sandbox:/mnt/data/made.csv');
  const content = await client.containers.files.content.retrieve(cited.file_id, { container_id: cited.container_id });
  assert.deepEqual(Buffer.from(await content.arrayBuffer()), Buffer.from([0, 255, 10]));
});

scenario('files of a question', async () => {
  const kept = await client.files.create({ file: await toFile(Buffer.from('1'), 'kept.csv'), purpose: 'user_data' });
  const container = { type: 'auto', file_ids: [kept.id], memory_limit: '1g' };
  const response = await create([{ role: 'user', content: [
    { type: 'input_text', text: 'look around' },
    { type: 'input_file', filename: 'sent.csv', file_data: `data:text/csv;base64,${Buffer.from('2').toString('base64')}` },
  ] }], { tools: [{ type: 'code_interpreter', container }] });
  assert.equal(response.output[0].outputs[0].logs, "['kept.csv', 'sent.csv']");
  assert.deepEqual(response.tools[0].container, container);
});

// ---- the calls of OpenAI's guide (support/guide.py has what the model says) ---------------------------------------

const { MEMORY: memory_limit } = process.env;

scenario('the guide: a container by itself', async () => {
  const response = await client.responses.create({
    model: 'gpt-4.1', instructions: 'You are a personal math tutor. Write and run code with the python tool to answer.',
    tools: [{ type: 'code_interpreter', container: { type: 'auto', memory_limit } }],
    input: 'I need to solve the equation 3x + 11 = 14. Can you help me?',
  });
  assert.deepEqual(response.output.map((item) => item.type), ['code_interpreter_call', 'message']);
  assert.ok(response.output_text.endsWith('x = 1.'));
});

scenario('the guide: a container of its own', async () => {
  const container = await client.containers.create({ name: 'test-container', memory_limit });
  const response = await client.responses.create({
    model: 'gpt-4.1', tools: [{ type: 'code_interpreter', container: container.id }], tool_choice: 'required',
    input: 'use the python tool to calculate what is 4 * 3.82. and then find its square root and then find the square root of that result',
  });
  assert.equal(response.output[0].container_id, container.id);
  assert.equal(response.output_text, '15.28, 3.909 and 1.977.');
});

scenario('the guide: files in and out', async () => {
  const note = await client.files.create({ file: await toFile(Buffer.from('a note'), 'note.txt'), purpose: 'user_data' });
  const response = await client.responses.create({
    model: 'gpt-4.1', include,
    tools: [{ type: 'code_interpreter', container: { type: 'auto', memory_limit, file_ids: [note.id] } }],
    input: 'Save the squares up to 9 as a table.',
  });
  assert.equal(response.output[0].outputs[0].logs, "'a note'");
  const [cited] = response.output[1].content[0].annotations;
  const content = await client.containers.files.content.retrieve(cited.file_id, { container_id: cited.container_id });
  assert.equal(await content.text(), '0\n1\n4\n9');
});

// ---- chat completions -------------------------------------------------------------------------------------------

const chat = (content, more) => ({ model, messages: [{ role: 'user', content }], ...more });

scenario('chat completions passed through', async () => {
  const plain = await client.chat.completions.create(chat('hello'));
  assert.equal(plain.choices[0].message.content, 'Hello there.');
  assert.equal(plain.usage.total_tokens, 15);
  const stream = client.chat.completions.stream(chat('hello', { stream_options: { include_usage: true } }));
  assert.equal(await stream.finalContent(), 'Hello there.');
  assert.equal((await stream.totalUsage()).total_tokens, 15);
  const over = await client.chat.completions.create(chat('hello', { model: 'anthropic/claude-scripted' }));
  assert.equal(over.choices[0].message.content, 'Hello there.');
});

scenario('chat completions with the interpreter', async () => {
  const request = chat('six times seven', { tools: [interpreter] });
  const { message, finish_reason } = (await client.chat.completions.create(request)).choices[0];
  assert.equal(message.content, 'It is 42. 😀');
  assert.equal(finish_reason, 'stop');
  assert.deepEqual(message.code_interpreter.calls[0].outputs, [{ type: 'logs', logs: 'hi\n42' }]);
  const chunks = await gather(await client.chat.completions.create({ ...request, stream: true }));
  assert.equal(chunks.map((chunk) => chunk.choices[0]?.delta.content ?? '').join(''), 'It is 42. 😀');
  const ran = chunks.at(-1).choices[0].delta.code_interpreter;
  assert.equal(ran.calls[0].code, "print('hi')\n6*7");
  const final = await client.chat.completions.stream(request).finalChatCompletion();
  assert.equal(final.choices[0].message.content, 'It is 42. 😀');
  assert.deepEqual(final.choices[0].message.code_interpreter?.calls[0].outputs, [{ type: 'logs', logs: 'hi\n42' }]);
});

scenario('tools that the client runs itself', async () => {
  const { name, description, parameters } = weather;
  const asked = [];
  const tool = { type: 'function', function: {
    name, description, parameters, parse: JSON.parse, function: ({ city }) => { asked.push(city); return 'wet'; },
  } };
  const runner = client.chat.completions.runTools(chat('the weather', { tools: [tool] }));
  assert.equal(await runner.finalContent(), 'Rain.');
  assert.deepEqual(asked, ['Ulm']);
});

// ---- assistants, which the client still has ---------------------------------------------------------------------

const assistantTools = [{ type: 'code_interpreter' }, { type: 'function', function: { name: 'weather', description: 'd', parameters: weather.parameters } }];
const newAssistant = () => client.beta.assistants.create({ model, name: 'A', instructions: 'I', tools: assistantTools });
const newThread = (content) => client.beta.threads.create({ messages: [{ role: 'user', content }] });

scenario('an assistant polled', async () => {
  const assistant = await newAssistant();
  const thread = await newThread('six times seven');
  const run = await client.beta.threads.runs.createAndPoll(thread.id, { assistant_id: assistant.id });
  assert.equal(run.status, 'completed');
  assert.ok(run.usage.total_tokens > 0);
  const messages = await gather(client.beta.threads.messages.list(thread.id, { limit: 1 }));
  assert.deepEqual(messages.map((message) => message.role), ['assistant', 'user']);
  assert.equal(messages[0].content[0].text.value, 'It is 42. 😀');
  const steps = await gather(client.beta.threads.runs.steps.list(run.id, { thread_id: thread.id, order: 'asc' }));
  const [call] = steps[0].step_details.tool_calls;
  assert.deepEqual(call.code_interpreter, { input: "print('hi')\n6*7", outputs: [{ type: 'logs', logs: 'hi\n42' }] });
  assert.equal((await client.beta.threads.delete(thread.id)).deleted, true);
});

scenario('an AssistantStream', async () => {
  const assistant = await newAssistant();
  const thread = await newThread('six times seven');
  const seen = { text: '', code: '', logs: '', done: [] };
  const stream = client.beta.threads.runs.stream(thread.id, { assistant_id: assistant.id })
    .on('textDelta', (delta) => { seen.text += delta.value ?? ''; })
    .on('toolCallDelta', (delta) => {
      seen.code += delta.code_interpreter?.input ?? '';
      for (const output of delta.code_interpreter?.outputs ?? []) seen.logs += output.logs ?? '';
    })
    .on('runStepDone', (step) => seen.done.push(step.type))
    .on('messageDone', (message) => seen.done.push(message.status));
  const run = await stream.finalRun();
  assert.equal(run.status, 'completed');
  assert.deepEqual(seen, { text: 'It is 42. 😀', code: "print('hi')\n6*7", logs: 'hi\n42', done: ['tool_calls', 'completed', 'message_creation'] });
  const [message] = await stream.finalMessages();
  assert.equal(message.content[0].text.value, 'It is 42. 😀');
  assert.deepEqual((await stream.finalRunSteps()).map((step) => step.status), ['completed', 'completed']);
});

scenario('an assistant and its files', async () => {
  const assistant = await newAssistant();
  const stream = client.beta.threads.createAndRunStream({
    assistant_id: assistant.id, thread: { messages: [{ role: 'user', content: 'a table' }] },
  });
  assert.equal((await stream.finalRun()).status, 'completed');
  const [message] = await stream.finalMessages();
  const { value, annotations: [note] } = message.content[0].text;
  assert.equal(value.slice(note.start_index, note.end_index), 'sandbox:/mnt/data/made.csv');
  const content = await client.files.content(note.file_path.file_id);
  assert.deepEqual([...new Uint8Array(await content.arrayBuffer())], [0, 255, 10]);
});

scenario('an assistant that asks for functions', async () => {
  const assistant = await newAssistant();
  const thread = await newThread('the weather');
  const stream = client.beta.threads.runs.stream(thread.id, { assistant_id: assistant.id });
  const run = await stream.finalRun();
  assert.equal(run.status, 'requires_action');
  const [call] = run.required_action.submit_tool_outputs.tool_calls;
  assert.deepEqual(call.function, { name: 'weather', arguments: '{"city": "Ulm"}' });
  const on = client.beta.threads.runs.submitToolOutputsStream(run.id, {
    thread_id: thread.id, tool_outputs: [{ tool_call_id: call.id, output: 'rain' }],
  });
  assert.equal((await on.finalRun()).status, 'completed');
  assert.equal((await on.finalMessages())[0].content[0].text.value, 'Rain.');
});

// ---- models, and what goes wrong --------------------------------------------------------------------------------

scenario('models', async () => {
  const names = (await gather(client.models.list())).map((one) => one.id);
  assert.ok(names.includes('offline'));
  assert.equal((await client.models.retrieve('offline')).id, 'offline');
});

scenario('errors have their classes', async () => {
  const refused = async (promise, kind, code) => {
    const error = await promise.then(() => assert.fail('it was not refused'), (caught) => caught);
    assert.ok(error instanceof kind, String(error));
    assert.equal(error.code, code);
    return error;
  };
  const tools = [{ type: 'web_search' }];
  const error = await refused(client.responses.create({ model, input: 'hello', tools }), BadRequestError, 'unsupported_tool');
  assert.equal(error.param, 'tools[0].type');
  assert.match(error.requestID, /^req_/);
  await refused(create('hello', { conversation: 'conv_none' }), NotFoundError, 'not_found');
  await refused(create('hello', { previous_response_id: 'resp_none' }), BadRequestError, 'previous_response_not_found');
  await refused(create('much too long'), BadRequestError, 'context_length_exceeded');
  const stream = await create('breaks off', { stream: true });
  await refused(gather(stream), APIError, 'provider_unreachable');
});

const [, , name] = process.argv;
assert.ok(scenarios.has(name), `no scenario '${name}'`);
await scenarios.get(name)();
console.log('ok');
