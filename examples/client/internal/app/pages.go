package app

import (
	"encoding/json"
	"errors"
	"fmt"
	"html/template"
	"io"
	"net/http"
	"net/url"
)

// Page is a handler that may fail. The log gets the error, and the person is
// told no more than that it did not work: an error_description is text that
// anybody may have written.
type Page func(w http.ResponseWriter, r *http.Request) error

// Routes are the addresses of a client: its front page, the button on it, and
// the redirect URI. The button starts a login, so it must be pressed on our own
// page (FAPI 2.0 5.3.3.1-12): cross-site posts are refused.
func Routes(config Config, home, login, callback Page) (http.Handler, error) {
	redirect, err := url.Parse(config.RedirectURI)
	if err != nil || redirect.Path == "" || redirect.Path == "/" {
		return nil, errors.New("client: the redirect URI needs a path of its own")
	}
	mux := http.NewServeMux()
	mux.Handle("GET /{$}", config.page(home))
	mux.Handle("POST /login", config.page(login))
	mux.Handle("GET "+redirect.Path, config.page(callback))
	return http.NewCrossOriginProtection().Handler(mux), nil
}

func (c Config) page(serve Page) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		h := w.Header()
		h.Set("Cache-Control", "no-store")
		h.Set("Referrer-Policy", "no-referrer") // the address of a callback holds a code
		h.Set("Content-Security-Policy", "default-src 'none'; frame-ancestors 'none'; base-uri 'none'")
		if err := serve(w, r); err != nil {
			c.Log.WarnContext(r.Context(), "failed", "page", r.URL.Path, "error", err)
			http.Error(w, "This did not work. Go back to the front page and try again.", http.StatusBadRequest)
		}
	})
}

var page = template.Must(template.New("page").Parse(`<!DOCTYPE html>
<html lang="en"><title>Accounts</title><meta name="viewport" content="width=device-width">
<h1>Accounts</h1>
{{if .}}<ul>{{range .}}<li>{{.ID}}: {{.Balance}}{{with .Owner}} ({{.}}){{end}}</li>{{end}}</ul>{{end}}
<form method="post" action="/login"><button id="login">Log in at the bank</button></form>
`))

// account is what the API serves.
type account struct {
	ID      string `json:"id"`
	Owner   string `json:"owner"`
	Balance string `json:"balance"`
}

// Welcome is the front page of a browser that has not logged in.
func Welcome(w http.ResponseWriter) error { return show(w, nil) }

// Accounts is the front page with the answer of the API.
func Accounts(w http.ResponseWriter, response *http.Response) error {
	if response.StatusCode != http.StatusOK {
		return fmt.Errorf("client: the API answers %s", response.Status)
	}
	var accounts []account
	if err := json.NewDecoder(io.LimitReader(response.Body, 1<<20)).Decode(&accounts); err != nil {
		return fmt.Errorf("client: the answer of the API: %w", err)
	}
	return show(w, accounts)
}

func show(w http.ResponseWriter, accounts []account) error {
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	return page.Execute(w, accounts)
}
