// Package ppid makes pairwise subject identifiers (OpenID Connect Core 1.0
// section 8.1): one "sub" for each account and sector, the same for all clients
// of a sector, so that clients of different sectors cannot find out by it that
// they have the same user.
//
// # Sector
//
// A sector is the host of the sector_identifier_uri, or the one host of the
// redirect_uris: without port, in lower case, as A-labels. [SectorOf] computes it
// from the registration; [Fetcher.SectorOf] also fetches the document behind a
// sector_identifier_uri, without which anybody could join any sector. Do that when
// a client registers and whenever its URIs change, keep the [Sector] in the client
// record (it marshals to text) and read it from there when a token is issued:
// identifiers then survive whatever happens to the URIs and to this package.
//
// A client without redirect URIs (CIBA, device flow) uses its jwks_uri in their
// place. For an app with nothing but private-use or loopback redirects an
// administrator can name a sector: SectorOf("https://app-7.sectors.example.com/", nil).
//
// # Three ways to make identifiers
//
//   - HMAC-SHA-256, the default of [Deriver]: nothing is stored, nobody can go back
//     from the identifier to the account without trying every account with the key.
//   - AES-256-SIV (RFC 5297), [Epoch.Reversible]: the issuer alone gets the account
//     back, with [Deriver.Account]. Whoever steals the key can do so too.
//   - A random UUID in a database, [Stored]: no key to steal, and a deleted row
//     cannot be brought back. Consumer Data Right Australia asks for it.
//
// # Keys for a lifetime
//
// A sub must not change, so a key cannot be rotated like a signing key. Each sector
// stays with the [Epoch] under which its first identifier was issued; a new epoch is
// for new sectors. A key that leaks lets its thief correlate all sectors of its
// epoch, which nothing repairs: keep it where the issuer's private keys are.
//
// # What else would correlate
//
// The identifier hides nothing if an e-mail address, a session id or an unsalted
// account number goes along. Use the same sub in ID token, UserInfo response,
// introspection response to that client and logout token. In an access token, use the
// sector of the API rather than the client's if APIs must not correlate either (RFC
// 9068 section 6). Log the pairwise value, never next to the account.
//
// # Coming from another server
//
// node-oidc-provider and go-oidc count the port into the sector, and Hydra uses the
// whole sector_identifier_uri. [Legacy] computes such values, [Stored.Import] keeps
// them, and [Migration] tells a client which new value stands for which old one.
package ppid
