package interop_test

import (
	"net/url"
	"strings"
	"testing"

	"github.com/chromedp/chromedp"
	"github.com/stretchr/testify/require"
)

// stage is everything a user of Chromium meets.
type stage struct {
	as       *authserver
	chromium chromium
	client   *callbackServer
}

// A real browser at the pages of examples/authserver.
func TestBrowser(t *testing.T) {
	t.Parallel()
	s := &stage{chromium: startChromium(t), client: startCallbackServer(t)}
	s.as = startAuthserver(t, "https://localhost:8450", s.client.URL, "https://localhost:8451", s.client.URL,
		`"A shop"`, `"A shop with a name that is too long for a phone and its `+strings.Repeat("nobreak", 12)+`"`)
	for name, visit := range map[string]func(*testing.T, *tab){
		"reload": s.reload, "back": s.goBack, "second tab": s.secondTab, "wrong password": s.wrongPassword, "keyboard": s.keyboard,
		"cancel": s.cancel, "deny": s.deny, "preload": s.preload, "response modes": s.responseModes, "errors": s.errors,
		"frame": s.frame, "another site's forms": s.forge, "phone": s.phone, "impatient": s.impatient, "posted": s.posted,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := s.chromium.newTab(t)
			visit(t, b)
			if name != "frame" {
				require.Empty(t, b.console.violations())
			}
		})
	}
}

func (s *stage) shop(t *testing.T) *appClient {
	t.Helper()
	c := s.as.shop(t)
	c.redirectURI = s.client.URL + "/callback"
	return c
}

// start pushes a request whose state is the test's name.
func (s *stage) start(t *testing.T) string {
	t.Helper()
	return s.shop(t).push(t, "state", t.Name())
}

// requireCode requires one callback with a code.
func (s *stage) requireCode(t *testing.T) {
	t.Helper()
	came := s.client.with(t.Name())
	require.Len(t, came, 1)
	require.Len(t, came[0].Get("code"), 43)
	require.Equal(t, s.as.issuer, came[0].Get("iss"))
}

func (s *stage) requireError(t *testing.T, code string) {
	t.Helper()
	came := s.client.with(t.Name())
	require.Len(t, came, 1)
	require.Equal(t, code, came[0].Get("error"))
	require.Equal(t, s.as.issuer, came[0].Get("iss"))
}

func (s *stage) reload(t *testing.T, b *tab) {
	b.open(s.start(t))
	b.reload("login")
	b.login()
	b.reload("approve")
	b.press("approve", "done")
	b.reload("done")
	require.Len(t, s.client.with(t.Name()), 2, "the reload")
}

// Going back loses nothing, and is no second chance. It does not show pages as they
// were either, with a password in them.
func (s *stage) goBack(t *testing.T, b *tab) {
	address := s.start(t)
	b.open(address)
	b.login()
	b.back() // by way of the login page
	b.sees("approve")
	b.press("approve", "done")
	s.requireCode(t)
	b.back() // by way of the consent page
	b.sees("error")
	b.open(address)
	b.sees("error")
	s.requireCode(t)
}

func (s *stage) secondTab(t *testing.T, b *tab) {
	address := s.start(t)
	b.open(address)
	second := b.another()
	second.open(address)
	second.sees("login")
	b.login()
	second.reload("approve")
	second.press("approve", "done")
	s.requireCode(t)
	b.press("approve", "error")
	s.requireCode(t)
}

func (s *stage) wrongPassword(t *testing.T, b *tab) {
	b.open(s.start(t))
	b.fill("alice", "looking glass")
	b.press("login", "message")
	b.reload("message")
	b.login()
	b.press("approve", "done")
	s.requireCode(t)
}

func (s *stage) keyboard(t *testing.T, b *tab) {
	b.open(s.start(t))
	b.sees("login")
	b.do(chromedp.KeyEvent("alice\twonderland\r"), chromedp.WaitVisible(chromedp.ID("approve")))
	b.press("approve", "done")
	s.requireCode(t)
}

// The authorization request as a form of the client's page, with cookies that come
// along from other sites only with a GET.
func (s *stage) posted(t *testing.T, b *tab) {
	asked, err := url.Parse(s.start(t))
	require.NoError(t, err)
	page := s.client.page("/post", `<form method="post" action="`+s.as.issuer+`/authorize"><input name="client_id" value="shop">
<input name="request_uri" value="`+asked.Query().Get("request_uri")+`"><button id="go">Log in</button></form>`)
	b.open(page)
	b.press("go", "login")
	b.login()
	b.open(page)
	b.press("go", "approve")
	b.press("approve", "done")
	s.requireCode(t)
}

func (s *stage) cancel(t *testing.T, b *tab) {
	b.open(s.start(t))
	b.press("cancel", "done")
	s.requireError(t, "access_denied")
}

func (s *stage) deny(t *testing.T, b *tab) {
	b.open(s.start(t))
	b.login()
	b.press("deny", "done")
	s.requireError(t, "access_denied")
}

// Nothing that the browser fetches ahead costs the user the login.
func (s *stage) preload(t *testing.T, b *tab) {
	address := s.start(t)
	b.open(s.client.page("/preload", `<link rel="prefetch" href="`+address+`"><link rel="preload" as="fetch" href="`+address+`">
<script type="speculationrules">{"prefetch":[{"urls":["`+address+`"],"eagerness":"immediate"}],"prerender":[{"urls":["`+address+`"],"eagerness":"immediate"}]}</script>
<iframe hidden src="`+address+`"></iframe><img alt="" src="`+address+`"><a id="go" href="`+address+`">Log in</a>`))
	b.press("go", "login")
	b.login()
	b.press("approve", "done")
	s.requireCode(t)
	b.console.forget()
}

func (s *stage) responseModes(t *testing.T, b *tab) {
	planner := s.as.planner(t)
	planner.redirectURI = s.client.URL + "/callback"
	for i, mode := range []string{"jwt", "query.jwt", "form_post.jwt"} {
		b.open(planner.push(t, "response_mode", mode))
		b.login()
		b.press("approve", "done")
		require.Len(t, s.client.with(""), i+1, mode)
	}
	b.open(planner.push(t, "response_mode", "fragment.jwt"))
	b.login()
	b.press("approve", "done")
	require.Contains(t, b.at(), "/callback#response=ey")
}

// An address that nobody vouches for gets nothing.
func (s *stage) errors(t *testing.T, b *tab) {
	evil := s.client.page("/evil", "")
	shop := s.shop(t)
	b.open(s.as.issuer + "/authorize?client_id=shop&response_type=code&scope=accounts&redirect_uri=" + url.QueryEscape(evil))
	b.sees("error")
	require.Equal(t, s.as.issuer+"/error?error=invalid_request", b.at())
	require.Contains(t, b.text(), "Error\n")
	b.open(shop.address("urn:ietf:params:oauth:request_uri:" + pkceChallenge))
	b.sees("error")
	require.Contains(t, b.text(), "invalid_request_uri")
	b.open(s.as.issuer + "/login?interaction=nobody's")
	b.sees("error")
	b.reload("error")
}

// The pages are in nobody's frame.
func (s *stage) frame(t *testing.T, b *tab) {
	b.open(s.client.page("/frame", `<iframe id="frame" src="`+s.start(t)+`"></iframe>`))
	b.sees("frame")
	require.Eventually(t, func() bool { return len(b.console.violations()) > 0 }, waiting, polling)
	require.Contains(t, b.console.violations()[0], "frame-ancestors")
}

// A page of another site posts the forms of ours, and knows everything but the
// token.
func (s *stage) forge(t *testing.T, b *tab) {
	b.open(s.start(t))
	b.login()
	consent := b.at()
	attacker := b.another()
	attacker.open(s.client.page("/forge", `<form method="post" action="`+consent+`"><input name="approve" value="1"><button id="go">x</button></form>`))
	attacker.press("go", "error")
	require.Empty(t, s.client.with(t.Name()))
	b.press("approve", "done")
	s.requireCode(t)
}

// The pages fit on a phone, with buttons that a finger meets.
func (s *stage) phone(t *testing.T, b *tab) {
	b.do(chromedp.EmulateViewport(320, 568, chromedp.EmulateMobile, chromedp.EmulatePortrait))
	b.open(s.start(t))
	b.requireFit("login", "cancel")
	b.login()
	b.requireFit("approve", "deny")
	b.open(s.as.issuer + "/error?error=invalid_request")
	b.requireFit()
}

func (b *tab) requireFit(buttons ...string) {
	b.t.Helper()
	require.Equal(b.t, "320", b.eval("document.documentElement.scrollWidth"), "nothing to scroll sideways")
	for _, id := range buttons {
		require.Equal(b.t, "true", b.eval("(document.getElementById('"+id+"').getBoundingClientRect().height >= 24)"), id) // WCAG 2.2, 2.5.8
	}
}

// Who clicks twice gets no second code.
func (s *stage) impatient(t *testing.T, b *tab) {
	b.open(s.start(t))
	b.login()
	b.do(chromedp.DoubleClick(chromedp.ID("approve")))
	b.do(chromedp.WaitVisible(chromedp.CSS("#done, #error")))
	require.LessOrEqual(t, len(s.client.with(t.Name())), 1)
}
