type State = { nonce: string; codecUrl: string; uiUrl: string | undefined; expiresAt?: Date | undefined; problem?: string };

const lock = 'M6 10V7a6 6 0 1 1 12 0v3h1.5v12h-15V10zm2 0h8V7a4 4 0 1 0-8 0z';
const icon = `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 24 24"><path d="${lock}" fill="#2456c5"/></svg>`;

/** Plain HTML without scripts. Nothing of the caller's is put into it. */
export function loginPage(state: State): string {
  const { nonce, expiresAt } = state;
  return `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<title>${expiresAt ? 'Signed in' : 'Sign in'} · Waybill codec server</title>
<link rel="icon" href="data:image/svg+xml,${encodeURIComponent(icon)}">
<style nonce="${nonce}">${style}</style>
</head>
<body>
<main>
<p class="brand"><svg viewBox="0 0 24 24" width="22" height="22" aria-hidden="true"><path d="${lock}" fill="currentColor"/></svg> Waybill codec server</p>
${expiresAt ? signedIn(state, expiresAt) : signIn(state)}
</main>
</body>
</html>
`;
}

function signIn({ problem }: State): string {
  return `<h1>Sign in to read payloads</h1>
<p>Everything Waybill keeps in Temporal is encrypted. After you sign in here, the Temporal UI in this browser can show it in plain text.</p>
${problem ? `<p class="problem" role="alert" id="problem">${escapeHtml(problem.charAt(0).toUpperCase() + problem.slice(1))}.</p>` : ''}
<form method="post" action="/login">
<label for="key">API key</label>
<input id="key" name="key" type="password" required autofocus autocomplete="current-password" spellcheck="false" maxlength="500"${problem ? ' aria-invalid="true" aria-describedby="problem"' : ''}>
<p class="hint">On one machine: <code>waybill config printvalue ADMIN_API_KEY</code></p>
<button type="submit">Sign in</button>
</form>`;
}

function signedIn({ codecUrl, uiUrl }: State, expiresAt: Date): string {
  const until = `${expiresAt.toISOString().slice(0, 16).replace('T', ' ')} UTC`;
  return `<h1>You are signed in</h1>
<p>Until <time datetime="${expiresAt.toISOString()}">${until}</time>, in this browser only.</p>
<h2>Once, in the Temporal UI</h2>
<ol>
<li>Open ${uiUrl ? `<a href="${escapeHtml(uiUrl)}">the Temporal UI</a>` : 'the Temporal UI'} under the same host name as this page.</li>
<li>Click the glasses in the top bar.</li>
<li>Open the box <b>Use Cluster-level setting</b> if there is one, choose <b>Use my browser setting</b> in it, and close the box again.</li>
<li>Enter <code>${escapeHtml(codecUrl)}</code> as the endpoint.</li>
<li>Turn on <b>Include cross-origin credentials</b> and click <b>Apply</b>.</li>
<li>Reload the page. The browser remembers all this.</li>
</ol>
<form method="post" action="/logout"><button type="submit" class="quiet">Sign out</button></form>`;
}

const entities: Record<string, string> = { '&': '&amp;', '<': '&lt;', '>': '&gt;', '"': '&quot;', "'": '&#39;' };
const escapeHtml = (text: string): string => text.replaceAll(/[&<>"']/g, (character) => entities[character] ?? '');

const style = `
:root{--page:#f3f5f8;--card:#fff;--text:#1b2430;--soft:#5a6675;--line:#c9d1db;--accent:#2456c5;--on-accent:#fff;--bad:#a4161a;--bad-page:#fdecec}
@media (prefers-color-scheme:dark){:root{--page:#12171e;--card:#1b222c;--text:#e7ecf3;--soft:#a4afbd;--line:#3c4757;--accent:#8ab0ff;--on-accent:#0d1524;--bad:#ffb4b4;--bad-page:#3a1d20}}
*{box-sizing:border-box}
body{margin:0;min-height:100vh;display:grid;place-items:center;padding:1.5rem;background:var(--page);color:var(--text);font:16px/1.55 system-ui,sans-serif}
main{width:100%;max-width:27rem;padding:2rem;background:var(--card);border:1px solid var(--line);border-radius:14px;box-shadow:0 8px 30px rgb(20 30 50/.08)}
.brand{display:flex;gap:.5rem;align-items:center;margin:0 0 1.5rem;color:var(--accent);font-weight:600}
h1{margin:0 0 .5rem;font-size:1.4rem;line-height:1.25}
h2{margin:1.5rem 0 .5rem;font-size:1rem}
p{margin:0 0 1rem;color:var(--soft)}
label{display:block;margin-bottom:.35rem;font-weight:600}
input{width:100%;padding:.65rem .75rem;font:inherit;color:inherit;background:var(--page);border:1px solid var(--soft);border-radius:8px}
.hint{margin:.5rem 0 1.25rem;font-size:.875rem}
code{font-size:.9em;overflow-wrap:anywhere;color:var(--text)}
button{width:100%;padding:.7rem 1rem;font:inherit;font-weight:600;color:var(--on-accent);background:var(--accent);border:1px solid var(--accent);border-radius:8px;cursor:pointer}
button.quiet{color:var(--text);background:none;border-color:var(--line)}
button:hover{filter:brightness(1.08)}
:focus-visible{outline:3px solid var(--accent);outline-offset:2px}
.problem{padding:.65rem .8rem;color:var(--bad);background:var(--bad-page);border-radius:8px}
ol{margin:0 0 1.5rem;padding-left:1.25rem}
li{margin-bottom:.35rem}
a{color:var(--accent)}
`;
