package interop_test

import (
	"context"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"os/exec"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/chromedp/chromedp"
	"github.com/stretchr/testify/require"
)

// chromium is a browser without a window. Every user of it has a profile of their
// own.
type chromium struct{ context context.Context }

// startChromium starts it until the test ends. It runs without a sandbox, which
// root cannot have, and visits nothing but this test's servers.
func startChromium(t *testing.T) chromium {
	t.Helper()
	path, err := exec.LookPath("chromium")
	const missing = "needs chromium (Debian: apt-get install chromium)"
	if err != nil && os.Getenv("FAPI_REQUIRE") != "all" {
		t.Skip(missing)
	}
	require.NoError(t, err, missing)
	folder := t.TempDir()
	options := append(chromedp.DefaultExecAllocatorOptions[:], chromedp.ExecPath(path), chromedp.NoSandbox,
		chromedp.IgnoreCertErrors, chromedp.UserDataDir(folder),
		chromedp.Env("HOME="+folder, "XDG_CONFIG_HOME="+folder, "XDG_CACHE_HOME="+folder))
	allocator, stop := chromedp.NewExecAllocator(context.Background(), options...)
	browser, _ := chromedp.NewContext(allocator)
	t.Cleanup(func() {
		_ = chromedp.Cancel(browser) // it ends, and its tabs with it
		stop()
	})
	require.NoError(t, chromedp.Do(browser))
	return chromium{browser}
}

// tab is a tab of one user.
type tab struct {
	t       *testing.T
	context context.Context
	console *console
}

// newTab is the first tab of a new user.
func (c chromium) newTab(t *testing.T) *tab {
	t.Helper()
	return openTab(t, c.context, chromedp.WithNewBrowserContext())
}

// another tab of the same user.
func (b *tab) another() *tab {
	b.t.Helper()
	return openTab(b.t, b.context)
}

func openTab(t *testing.T, parent context.Context, options ...chromedp.ContextOption) *tab {
	t.Helper()
	ctx, cancel := chromedp.NewContext(parent, options...)
	t.Cleanup(cancel)
	require.NoError(t, chromedp.Do(ctx))
	b := &tab{t: t, context: ctx, console: &console{}}
	messages := chromedp.Console(ctx)
	go func() { // ends with ctx
		for message, err := range messages {
			if err != nil {
				return
			}
			b.console.add(message.String())
		}
	}()
	return b
}

// do runs actions, for ten seconds at most.
func (b *tab) do(actions ...chromedp.Action[chromedp.Void]) {
	b.t.Helper()
	ctx, cancel := context.WithTimeout(b.context, 10*time.Second)
	defer cancel()
	require.NoError(b.t, chromedp.Do(ctx, actions...), "at %s: %s", b.at(), b.text())
}

func (b *tab) open(address string) { b.t.Helper(); b.do(chromedp.Navigate(address)) }

// sees waits for an element.
func (b *tab) sees(id string) { b.t.Helper(); b.do(chromedp.WaitVisible(chromedp.ID(id))) }

// press clicks a button and waits for an element of the next page.
func (b *tab) press(id, next string) {
	b.t.Helper()
	b.do(chromedp.Click(chromedp.ID(id)), chromedp.WaitVisible(chromedp.ID(next)))
}

func (b *tab) reload(id string) {
	b.t.Helper()
	b.do(chromedp.Reload(), chromedp.WaitVisible(chromedp.ID(id)))
}

// back goes back to a page. Chromium could show it as it was, so there may be
// nothing that loads and could be waited for.
func (b *tab) back() {
	b.t.Helper()
	b.eval("window.old = true")
	b.eval("history.back()")
	require.Eventually(b.t, func() bool {
		isNew, err := chromedp.Run(b.context, chromedp.Evaluate[bool]("window.old === undefined"))
		return err == nil && isNew // an error: the page is just changing
	}, waiting, polling)
}

// eval runs a script in the page and returns its result as text.
func (b *tab) eval(script string) string {
	b.t.Helper()
	ctx, cancel := context.WithTimeout(b.context, waiting)
	defer cancel()
	result, err := chromedp.Run(ctx, chromedp.Evaluate[string]("String("+script+")"))
	require.NoError(b.t, err)
	return result
}

// fill types into the login page.
func (b *tab) fill(username, password string) {
	b.t.Helper()
	b.do(chromedp.SendKeys(chromedp.ID("username"), username), chromedp.SendKeys(chromedp.ID("password"), password))
}

func (b *tab) login() {
	b.t.Helper()
	b.fill("alice", "wonderland")
	b.press("login", "approve")
}

func (b *tab) at() string {
	at, _ := chromedp.Run(b.context, chromedp.Location())
	return at
}

func (b *tab) text() string {
	text, _ := chromedp.Run(b.context, chromedp.Evaluate[string]("document.body.innerText"))
	return text
}

// How long something that happens by itself may take.
const (
	waiting = 10 * time.Second
	polling = 20 * time.Millisecond
)

// console keeps what the developer tools would show.
type console struct {
	mu       sync.Mutex
	messages []string
}

func (c *console) add(message string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.messages = append(c.messages, message)
}

// violations are the messages about the Content Security Policy.
func (c *console) violations() (found []string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, message := range c.messages {
		if strings.Contains(message, "Content Security Policy") {
			found = append(found, message)
		}
	}
	return found
}

// forget is for messages that the test itself has caused.
func (c *console) forget() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.messages = nil
}

// callbackServer is the client's web server: it shows what came to /callback, and
// serves pages of the test's making.
type callbackServer struct {
	*httptest.Server
	mu    sync.Mutex
	came  []url.Values
	pages map[string]string
}

func startCallbackServer(t *testing.T) *callbackServer {
	t.Helper()
	s := &callbackServer{pages: map[string]string{}}
	s.Server = httptest.NewTLSServer(s)
	t.Cleanup(s.Close)
	return s
}

func (s *callbackServer) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	s.mu.Lock()
	defer s.mu.Unlock()
	page, ok := s.pages[r.URL.Path]
	if r.URL.Path == "/callback" {
		_ = r.ParseForm() // the test sees what is missing
		s.came = append(s.came, r.Form)
		page, ok = `<p id="done">Done.</p>`, true
	}
	if !ok {
		http.NotFound(w, r)
		return
	}
	w.Header().Set("Content-Type", "text/html")
	_, _ = w.Write([]byte("<!DOCTYPE html><title>The client</title>" + page))
}

// page adds a page and returns its URL.
func (s *callbackServer) page(path, content string) string {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.pages[path] = content
	return s.URL + path
}

// with are the callbacks with this state.
func (s *callbackServer) with(state string) (found []url.Values) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, form := range s.came {
		if form.Get("state") == state || form.Has("response") && state == "" {
			found = append(found, form)
		}
	}
	return found
}
