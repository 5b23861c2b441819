package server

import (
	"bytes"
	"crypto/sha256"
	_ "embed" // the pages
	"encoding/base64"
	"html/template"
	"net/http"
)

//go:embed pages.html
var pagesHTML string

//go:embed style.css
var style string

// pages are what the user sees.
type pages struct {
	templates *template.Template
	policy    string
}

// newPages leaves form-action out of the policy on purpose: Chromium applies it
// to redirects as well, and the form of the consent page ends at the client.
func newPages() *pages {
	hash := sha256.Sum256([]byte(style))
	return &pages{
		templates: template.Must(template.New("pages").Parse(pagesHTML)),
		policy: "default-src 'none'; style-src 'sha256-" + base64.StdEncoding.EncodeToString(hash[:]) +
			"'; base-uri 'none'; frame-ancestors 'none'",
	}
}

// show writes a page whole, or not at all.
func (p *pages) show(w http.ResponseWriter, status int, name string, data map[string]any) {
	data["Style"] = template.CSS(style)
	var page bytes.Buffer
	if err := p.templates.ExecuteTemplate(&page, name, data); err != nil {
		http.Error(w, "server_error", http.StatusInternalServerError)
		return
	}
	p.headers(w.Header())
	w.WriteHeader(status)
	_, _ = w.Write(page.Bytes()) // the user has left: nobody to tell
}

func (p *pages) headers(h http.Header) {
	h.Set("Content-Type", "text/html; charset=utf-8")
	h.Set("Content-Security-Policy", p.policy)
	h.Set("X-Frame-Options", "DENY")
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("Referrer-Policy", "no-referrer")
	h.Set("Cache-Control", "no-store")
}
