package phantom

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net/url"
	"slices"
	"strings"

	"github.com/go-fapi/fapi/cnf"
	"github.com/go-fapi/fapi/internal/jose"
)

// Exchanger gets the JWT access token behind an opaque one, and its verified
// claims. An error with an OAuthCode() string means that the token is not good;
// any other, or claims that are nil, that it could not be judged. It must be safe
// for concurrent use.
// *introspection.Phantom is one.
type Exchanger[C cnf.Claims] interface {
	Exchange(ctx context.Context, opaque string) (jwt string, claims C, err error)
}

// API is a resource server behind the gateway.
type API[C cnf.Claims] struct {
	// Upstream is where it listens, a scheme and an authority: the path stays as
	// it is. https, or http on a loopback address.
	Upstream string // required

	// Audience is its identifier, aud of the JWTs it gets and of the statements.
	Audience string // required for DPoP

	// Tokens exchanges opaque tokens for verified JWTs with this Audience. No two
	// APIs should share it, as each could then use the tokens of the other.
	Tokens Exchanger[C] // required

	// Routes are what clients may ask of it.
	Routes []Route // required
}

// Route says what the tokens for a path must have.
type Route struct {
	// Path is a path and all below it: "/accounts" is also "/accounts/1", but
	// not "/accountsX". It is spelled as in requests, undecoded, without a slash
	// at its end; "/" is everything. Of several paths the longest one counts.
	Path string // required

	// Methods are the HTTP methods of this route, none for all. Routes with the
	// same Path, also of several APIs, share it by method; one without Methods
	// has those left over. A method that a path does not have is 405, also if a
	// shorter path has it.
	Methods []string

	// Require is what a token needs.
	Require cnf.Requirement
}

// route is a Route that was checked, with its guard and its API.
type route[C cnf.Claims] struct {
	path     string // without the slash of "/"
	methods  []string
	guard    *cnf.Middleware[*grant[C]]
	upstream *url.URL
	audience []byte // as JSON
}

// add checks a Route. api has what all routes of an API have in common.
func (t table[C]) add(config Route, api route[C]) (table[C], error) {
	path := strings.TrimSuffix(config.Path, "/")
	if !isPath(config.Path) || path != config.Path && config.Path != "/" {
		return nil, fmt.Errorf("phantom: Path %q must start with a slash, end without one, and be in normal form", config.Path)
	}
	for _, method := range config.Methods {
		if !isMethod(method) {
			return nil, fmt.Errorf("phantom: method %q of %s has more than capitals and hyphens, or is never served", method, config.Path)
		}
	}
	guard, err := api.guard.With(config.Require)
	if err != nil {
		return nil, fmt.Errorf("phantom: Require of %s: %w", config.Path, err)
	}
	added := api
	added.path, added.methods, added.guard = path, slices.Clone(config.Methods), guard
	if slices.ContainsFunc(t, added.overlaps) {
		return nil, fmt.Errorf("phantom: two routes for %s and the same method", config.Path)
	}
	return append(t, &added), nil
}

// overlaps tells whether requests could take both routes.
func (r *route[C]) overlaps(other *route[C]) bool {
	if r.path != other.path || (len(r.methods) == 0) != (len(other.methods) == 0) {
		return false
	}
	return len(r.methods) == 0 || slices.ContainsFunc(r.methods, func(m string) bool { return slices.Contains(other.methods, m) })
}

func (r *route[C]) covers(path string) bool {
	return strings.HasPrefix(path, r.path) && (len(path) == len(r.path) || path[len(r.path)] == '/')
}

func (r *route[C]) takes(method string) bool {
	return len(r.methods) == 0 || slices.Contains(r.methods, method)
}

// table holds routes, those of longer paths first, and of one path those with
// methods first.
type table[C cnf.Claims] []*route[C]

func newTable[C cnf.Claims](config GatewayConfig[C]) (routes table[C], err error) {
	for _, api := range config.APIs {
		common, err := newAPI(api, config)
		if err != nil {
			return nil, err
		}
		for _, route := range api.Routes {
			if routes, err = routes.add(route, common); err != nil {
				return nil, err
			}
		}
	}
	if len(routes) == 0 {
		return nil, errors.New("phantom: APIs is required")
	}
	slices.SortStableFunc(routes, func(a, b *route[C]) int {
		return cmp.Or(len(b.path)-len(a.path), strings.Compare(a.path, b.path), len(b.methods)-len(a.methods))
	})
	return routes, nil
}

func newAPI[C cnf.Claims](api API[C], config GatewayConfig[C]) (common route[C], err error) {
	if common.upstream, err = parseOrigin(api.Upstream); err != nil {
		return common, fmt.Errorf("phantom: Upstream %w", err)
	}
	if isNil(api.Tokens) {
		return common, fmt.Errorf("phantom: Tokens of %s is required", api.Upstream)
	}
	if len(api.Routes) == 0 {
		return common, fmt.Errorf("phantom: Routes of %s is required", api.Upstream)
	}
	if common.audience, err = jose.AppendQuoted(nil, api.Audience); err != nil {
		return common, fmt.Errorf("phantom: Audience of %s: %w", api.Upstream, err)
	}
	common.guard, err = cnf.New(cnf.Config[*grant[C]]{
		Verify:  func(ctx context.Context, opaque string) (*grant[C], error) { return exchange(ctx, api.Tokens, opaque) },
		Methods: config.Methods, ResourceMetadata: config.ResourceMetadata,
	})
	if err != nil {
		return common, fmt.Errorf("phantom: Methods or ResourceMetadata: %w", err)
	}
	return common, nil
}

// find returns the route of a request, or else the methods that its path does
// have. The longest path alone decides: a request must not fall through to a
// shorter one that asks for less.
func (t table[C]) find(method, path string) (found *route[C], allow []string) {
	first := slices.IndexFunc(t, func(r *route[C]) bool { return r.covers(path) })
	if first < 0 {
		return nil, nil
	}
	for _, r := range t[first:] {
		if r.path != t[first].path {
			break
		}
		if r.takes(method) {
			return r, nil
		}
		allow = append(allow, r.methods...)
	}
	return nil, allow
}
