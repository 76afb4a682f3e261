// The page of `clerk-sync dev`: signs up with the offline Clerk, calls /me as a browser would, and shows what
// happened. No framework, nothing from elsewhere.
const $ = (id) => document.getElementById(id);
const json = { 'content-type': 'application/json' };
const noted = [];
let after = 0;
let started = null;

async function call(method, path, body) {
  const response = await fetch(path, { method, headers: json, body: JSON.stringify(body ?? {}) });
  const text = await response.text();
  const answer = text ? JSON.parse(text) : null;
  if (!response.ok) throw new Error(answer?.error ?? `${method} ${path}: ${response.status}`);
  return answer;
}

function note(at, who, what, mood = '') {
  started ??= at;
  noted.push({ at, who, what, mood });
}

function verdict(text, mood) {
  $('verdict').textContent = text;
  $('verdict').className = mood;
}

async function me(token) {
  const at = Date.now();
  const response = await fetch('/me', { headers: { authorization: `Bearer ${token}` } });
  const took = Date.now() - at;
  const body = await response.json();
  const shown = body.code ? `${response.status} ${body.code}` : `${response.status}`;
  note(Date.now(), 'browser', `GET /me: ${shown} in ${took} ms`, response.ok ? 'good' : 'bad');
  if (response.ok) verdict(`${body.data.first_name ?? body.data.username} has a row, ${took} ms after asking.`, 'good');
  else verdict(`${body.title}. ${body.help}`, 'bad');
}

$('sign-up').addEventListener('submit', async (event) => {
  event.preventDefault();
  const form = Object.fromEntries(new FormData(event.target));
  $('sign-up-error').textContent = '';
  try {
    note(Date.now(), 'browser', 'signs up with Clerk');
    const { token } = await call('POST', '/dev/sign-ups', form);
    await me(token);
    suggest(event.target);
  } catch (error) {
    $('sign-up-error').textContent = error.message;
  }
  refresh();
});

// The next one needs another address; the name may stay the same, to see what becomes of usernames.
function suggest(form) {
  const [, name, number] = form.email.value.match(/^([a-z.]+?)(\d*)@/) ?? [];
  if (name) form.email.value = `${name}${Number(number || 1) + 1}@example.com`;
}

function readWeather() {
  const form = $('weather');
  const share = (field) => Number(form[field].value) / 100;
  const range = (field) => [Number(form[field].value), Number(form[field].value)];
  for (const field of ['drop', 'duplicate', 'reorder']) form[`${field}_shown`].value = `${form[field].value} %`;
  for (const field of ['delay', 'latency']) form[`${field}_shown`].value = `${Number(form[field].value) / 1000} s`;
  return {
    webhook_delay_ms: range('delay'), webhook_drop: share('drop'), webhook_duplicate: share('duplicate'),
    webhook_reorder: share('reorder'), api_latency_ms: range('latency'), webhooks_off: form.off.checked,
    api_outage: form.outage.checked, version_grain_ms: form.tie.checked ? 60000 : 0,
  };
}

// The weather may have been set elsewhere, or before this page was opened.
function showWeather(weather) {
  const form = $('weather');
  const percent = { drop: weather.webhook_drop, duplicate: weather.webhook_duplicate, reorder: weather.webhook_reorder };
  for (const [field, share] of Object.entries(percent)) form[field].value = share * 100;
  form.delay.value = weather.webhook_delay_ms[1];
  form.latency.value = weather.api_latency_ms[1];
  form.off.checked = weather.webhooks_off;
  form.outage.checked = weather.api_outage;
  form.tie.checked = weather.version_grain_ms > 0;
  readWeather();
}

async function setWeather() {
  try { await call('PUT', '/dev/weather', readWeather()); } catch (error) { verdict(error.message, 'bad'); }
}
$('weather').addEventListener('change', setWeather);
$('weather').addEventListener('input', readWeather);
$('replay').addEventListener('click', async () => {
  const { messages } = await call('POST', '/dev/replay');
  note(Date.now(), 'clerk', `sends all ${messages} webhooks again`);
  refresh();
});

const words = {
  user_created: (e) => ['clerk', 'has a new user', ''],
  user_updated: (e) => ['clerk', 'the user changes', ''],
  user_deleted: (e) => ['clerk', 'the user is deleted', ''],
  api_call: (e) => ['server', e.route.includes('/users/{id}')
    ? `fetches the user just in time: ${e.status}` : `asks Clerk, ${e.route}: ${e.status}`, e.status < 400 ? '' : 'warn'],
  api_hung_up: () => ['server', 'asks Clerk: no answer', 'bad'],
  webhook_queued: (e) => e.copies === 0 ? ['webhook', `${e.event_type} is lost`, 'warn'] : null,
  webhook_attempt: (e) => ['webhook', `${e.event_type}${e.attempt > 1 ? `, attempt ${e.attempt}` : ''}: ${e.status ?? 'no answer'}`,
    e.status >= 200 && e.status < 300 ? 'good' : 'bad'],
};

function showTimeline() {
  const rows = [...noted].sort((a, b) => b.at - a.at).slice(0, 300).map(({ at, who, what, mood }) => {
    const item = document.createElement('li');
    for (const [tag, text] of [['time', `${((at - started) / 1000).toFixed(3)} s`], ['b', who], ['span', what]]) {
      const part = document.createElement(tag);
      part.textContent = text;
      if (tag === 'span' && mood) part.className = mood;
      item.append(part);
    }
    return item;
  });
  $('timeline').replaceChildren(...rows);
}

function cell(row, text, mood) {
  const td = row.insertCell();
  td.textContent = text ?? '';
  if (mood) td.className = mood;
  return td;
}

function button(td, label, action) {
  const made = document.createElement('button');
  made.type = 'button';
  made.textContent = label;
  made.addEventListener('click', async () => {
    try { await action(); } catch (error) { verdict(error.message, 'bad'); }
    refresh();
  });
  td.append(made, ' ');
}

function showRows(rows) {
  const body = document.createElement('tbody');
  body.id = 'table';
  for (const user of rows) {
    const row = body.insertRow();
    if (user.deleted_at) {
      row.className = 'gone';
      cell(row, `tombstone of ${user.id}`).colSpan = 7;
      continue;
    }
    cell(row, user.first_name);
    cell(row, user.email ?? user.phone ?? '—');
    cell(row, user.username ?? '—');
    cell(row, user.role);
    cell(row, user.source);
    cell(row, user.dirty ? 'asking Clerk' : user.webhook_at ? 'came' : 'not yet', user.webhook_at && !user.dirty ? 'good' : 'warn');
    const actions = cell(row);
    const path = `/dev/users/${user.id}`;
    button(actions, '/me', async () => me((await call('POST', `${path}/token`)).token));
    button(actions, 'rename', () => call('POST', `${path}/rename`, { first_name: `${user.first_name ?? 'Ada'}*` }));
    button(actions, 'delete', () => call('POST', `${path}/delete`));
  }
  $('table').replaceWith(body);
}

let busy = false;
let weatherShown = false;
async function refresh() {
  if (busy) return;
  busy = true;
  try {
    const state = await (await fetch(`/dev/state?after=${after}`)).json();
    for (const entry of state.timeline ?? []) {
      after = entry.seq;
      const said = words[entry.kind]?.(entry);
      if (said) note(entry.at_ms, ...said);
    }
    if (!weatherShown && state.weather) {
      weatherShown = true;
      showWeather(state.weather);
    }
    showTimeline();
    // A row under the pointer must not move away from it.
    if (!$('table').matches(':hover')) showRows(state.rows ?? []);
  } catch {
    verdict('clerk-sync dev does not answer; is it still running?', 'bad');
  } finally {
    busy = false;
  }
}

refresh();
setInterval(() => { if (!document.hidden) refresh(); }, 700);
