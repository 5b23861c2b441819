package main

import (
	"context"
	"crypto"
	"crypto/rand"
	"crypto/rsa"
	"math/big"
	"net/http"
	"slices"
	"time"

	"github.com/go-fapi/fapi/accesstoken"
	"github.com/go-fapi/fapi/cnf"
	"github.com/go-fapi/fapi/dpop"
	"github.com/go-fapi/fapi/replay"
)

const otherAPI = "https://other.api.example"

// group are attacks that belong together.
type group struct {
	title   string
	attacks []attack
}

// groups is everything the thief tries, in the order of the story.
func (b *bank) groups() []group {
	return []group{
		{"tokens and proofs at the API", slices.Concat(b.stolenToken(), b.replays(), b.misdirected(), b.timing(), b.forgeries())},
		{"assertions and proofs at the token endpoint", b.atTheServer()},
		{"certificates", b.withCertificates()},
		{"requests and responses in browsers", b.withBrowser()},
		{"outside the gateway", b.atGateway()},
		{"inside, behind the gateway", b.atInside()},
		{"introspection, revocation, outage", slices.Concat(b.atIntrospection(), b.revoked())},
		{"what was recorded", slices.Concat(b.sought(), b.together())},
	}
}

// attacks are those of all groups.
func (b *bank) attacks() (list []attack) {
	for _, group := range b.groups() {
		list = append(list, group.attacks...)
	}
	return list
}

// withProof sends the victim's token with a proof made by make.
func (b *bank) withProof(make func(ctx context.Context, token string) (string, error)) func(context.Context, sender) (answer, error) {
	return func(ctx context.Context, send sender) (answer, error) {
		token, err := b.token(ctx, b.api)
		if err != nil {
			return answer{}, err
		}
		proof, err := make(ctx, token)
		if err != nil {
			return answer{}, err
		}
		return b.sendWith(ctx, send, token, proof)
	}
}

// proofOf makes good proofs of a key for a method and the accounts of an origin.
func (b *bank) proofOf(key crypto.Signer, method, origin string) func(ctx context.Context, token string) (string, error) {
	return func(ctx context.Context, token string) (string, error) {
		return b.proof(ctx, key, method, origin+"/accounts", token)
	}
}

// withToken sends the victim's token under a scheme, without a proof.
func (b *bank) withToken(scheme string) func(context.Context, sender) (answer, error) {
	return func(ctx context.Context, send sender) (answer, error) {
		token, err := b.token(ctx, b.api)
		if err != nil {
			return answer{}, err
		}
		r, err := b.get(ctx, scheme, token)
		if err != nil {
			return answer{}, err
		}
		return send(r)
	}
}

// weakenedProofs is the accounts API with one thing changed in its verifier.
func (b *bank) weakenedProofs(change func(*dpop.VerifierConfig)) func() (http.Handler, error) {
	return func() (http.Handler, error) {
		config := b.proofConfig
		change(&config)
		return b.accounts(config)
	}
}

func (b *bank) stolenToken() []attack {
	return []attack{{
		id: "T01", title: "stolen token, no proof",
		rule: dpop.ErrProofCount, clause: "RFC 9449 4.3-1",
		try:     b.withToken("DPoP"),
		without: "an API that only verifies the token", weakened: b.tokenOnly,
	}, {
		id: "T02", title: "stolen token sent as Bearer",
		rule: cnf.ErrScheme, clause: "RFC 9449 7.2",
		try:     b.withToken("Bearer"),
		without: "an API that only verifies the token", weakened: b.tokenOnly,
	}, {
		id: "T03", title: "stolen token with a proof of the thief's own key",
		rule: dpop.ErrBinding, clause: "RFC 9449 4.3-12",
		try:     b.withProof(b.proofOf(b.thiefKey, "GET", b.api)),
		without: "token and proof both valid, their key not compared", weakened: b.unboundProof,
	}, {
		id: "T04", title: "proof whose ath is another token's",
		rule: dpop.ErrTokenHash, clause: "RFC 9449 4.3-12",
		try: b.withProof(func(ctx context.Context, _ string) (string, error) {
			return b.proof(ctx, b.dpopKey, "GET", b.api+"/accounts", "another token of the victim")
		}),
		without: "token and proof both valid, ath not compared", weakened: b.unboundProof,
	}, {
		id: "T05", title: "stolen token in the query string",
		rule: cnf.ErrCredentials, clause: "FAPI 2.0 5.3.4-2",
		try: func(ctx context.Context, send sender) (answer, error) {
			token, err := b.token(ctx, b.api)
			if err != nil {
				return answer{}, err
			}
			r, err := http.NewRequestWithContext(ctx, "GET", b.api+"/accounts?access_token="+token, nil)
			if err != nil {
				return answer{}, err
			}
			return send(r)
		},
		without: "an API that takes tokens from the query", weakened: b.tokenOnly,
	}, {
		id: "T06", title: "victim's token for another API, with the victim's proof",
		rule: accesstoken.ErrAudience, clause: "RFC 9068 4-4",
		try: func(ctx context.Context, send sender) (answer, error) {
			token, err := b.token(ctx, otherAPI)
			if err != nil {
				return answer{}, err
			}
			proof, err := b.proof(ctx, b.dpopKey, "GET", b.api+"/accounts", token)
			if err != nil {
				return answer{}, err
			}
			return b.sendWith(ctx, send, token, proof)
		},
		without: "an API that shares its identifier with the other", weakened: func() (http.Handler, error) {
			return b.guardWith(otherAPI, func(*http.Request, string) error { return nil })
		},
	}}
}

// twice sends one proof, waits, and sends it again; the second answer counts.
func (b *bank) twice(wait time.Duration, make func(ctx context.Context, token string) (string, error)) func(context.Context, sender) (answer, error) {
	return func(ctx context.Context, send sender) (answer, error) {
		token, err := b.token(ctx, b.api)
		if err != nil {
			return answer{}, err
		}
		proof, err := make(ctx, token)
		if err != nil {
			return answer{}, err
		}
		first, err := b.sendWith(ctx, send, token, proof)
		if err != nil || first.status != http.StatusOK {
			return first, err
		}
		time.Sleep(wait)
		return b.sendWith(ctx, send, token, proof)
	}
}

func (b *bank) sendWith(ctx context.Context, send sender, token string, proofs ...string) (answer, error) {
	r, err := b.get(ctx, "DPoP", token, proofs...)
	if err != nil {
		return answer{}, err
	}
	return send(r)
}

func (b *bank) replays() []attack {
	briefly := func(c *dpop.VerifierConfig) { c.MaxAge, c.Leeway = time.Second, 2*time.Second }
	return []attack{{
		id: "T07", title: "proof replayed",
		rule: dpop.ErrReplay, clause: "RFC 9449 11.1",
		try:      b.twice(0, b.proofOf(b.dpopKey, "GET", b.api)),
		without:  "replay.Off",
		weakened: b.weakenedProofs(func(c *dpop.VerifierConfig) { c.Replay = replay.Off{} }),
	}, {
		id: "T08", title: "proof of a fast clock, replayed in the skew tail",
		rule: dpop.ErrReplay, clause: "RFC 9449 11.1",
		try: b.twice(1100*time.Millisecond, func(ctx context.Context, token string) (string, error) {
			claims, err := b.claims(ctx, token)
			if err != nil {
				return "", err
			}
			claims["iat"] = float64(time.Now().Add(1900*time.Millisecond).UnixMilli()) / 1000
			return mint(b.dpopKey, proofHeader("ES256", b.dpopKey), claims)
		}),
		target:  b.weakenedProofs(briefly), // strict, only with short times, so that nobody waits for a minute
		without: "a store that keeps every entry for the same time from now",
		weakened: b.weakenedProofs(func(c *dpop.VerifierConfig) {
			briefly(c)
			c.Replay = &fixedLife{used: map[string]time.Time{}, life: time.Second}
		}),
	}}
}

func (b *bank) misdirected() []attack {
	return []attack{{
		id: "T09", title: "proof made for another server's URL",
		rule: dpop.ErrTarget, clause: "RFC 9449 4.3-9",
		try:      b.withProof(b.proofOf(b.dpopKey, "GET", otherAPI)),
		without:  "the other server's URL listed among one's own Origins",
		weakened: b.weakenedProofs(func(c *dpop.VerifierConfig) { c.Origins = []string{b.api, otherAPI} }),
	}, {
		id: "T10", title: "forged Host header and a proof made for that host",
		rule: dpop.ErrTarget, clause: "RFC 9449 4.3-9",
		try: func(ctx context.Context, send sender) (answer, error) {
			return b.withProof(b.proofOf(b.dpopKey, "GET", "https://thief.example"))(ctx, func(r *http.Request) (answer, error) {
				r.Host = "thief.example"
				return send(r)
			})
		},
		without: "a server that takes its own address from Host", weakened: b.believesHost,
	}, {
		id: "T11", title: "proof made for another method",
		rule: dpop.ErrMethod, clause: "RFC 9449 4.3-8",
		try:     b.withProof(b.proofOf(b.dpopKey, "POST", b.api)),
		without: "the same but for htm",
		honest:  b.withProof(b.proofOf(b.dpopKey, "GET", b.api)),
	}, {
		id: "T12", title: "two DPoP header fields, one of them good",
		rule: dpop.ErrProofCount, clause: "RFC 9449 4.3-1",
		try: func(ctx context.Context, send sender) (answer, error) {
			return b.withProof(b.proofOf(b.dpopKey, "GET", b.api))(ctx, func(r *http.Request) (answer, error) {
				r.Header.Add("DPoP", "anything")
				return send(r)
			})
		},
		without: "a server that reads the first field and ignores the rest", weakened: b.firstProof,
	}}
}

// minted sends a proof with the claims of a good one, signed with the key and
// under the header that make gives. make may change the claims.
func (b *bank) minted(make func(ctx context.Context, claims map[string]any) (crypto.Signer, map[string]any, error)) func(context.Context, sender) (answer, error) {
	return b.withProof(func(ctx context.Context, token string) (string, error) {
		claims, err := b.claims(ctx, token)
		if err != nil {
			return "", err
		}
		key, header, err := make(ctx, claims)
		if err != nil {
			return "", err
		}
		return mint(key, header, claims)
	})
}

// changed is a proof of the victim's key with some claims changed.
func (b *bank) changed(change func(ctx context.Context, claims map[string]any) error) func(context.Context, sender) (answer, error) {
	return b.minted(func(ctx context.Context, claims map[string]any) (crypto.Signer, map[string]any, error) {
		return b.dpopKey, proofHeader("ES256", b.dpopKey), change(ctx, claims)
	})
}

func (b *bank) timing() []attack {
	at := func(offset time.Duration) func(context.Context, map[string]any) error {
		return func(_ context.Context, claims map[string]any) error {
			claims["iat"] = time.Now().Add(offset).Unix()
			return nil
		}
	}
	return []attack{{
		id: "T13", title: "proof held back for two minutes",
		rule: dpop.ErrTime, clause: "RFC 9449 4.3-11",
		try:      b.changed(at(-2 * time.Minute)),
		without:  "MaxAge of five minutes",
		weakened: b.weakenedProofs(func(c *dpop.VerifierConfig) { c.MaxAge = 5 * time.Minute }),
	}, {
		id: "T14", title: "proof dated 30 s ahead, to be used later",
		rule: dpop.ErrTime, clause: "RFC 9449 4.3-11",
		try:      b.changed(at(30 * time.Second)),
		without:  "Leeway of a minute",
		weakened: b.weakenedProofs(func(c *dpop.VerifierConfig) { c.Leeway = time.Minute }),
	}, {
		id: "T15", title: "proof made beforehand, without a nonce",
		rule: dpop.ErrNonce, clause: "RFC 9449 4.3-10",
		try: b.changed(func(_ context.Context, claims map[string]any) error {
			delete(claims, "nonce")
			return nil
		}),
		without:  "no Nonces",
		weakened: b.weakenedProofs(func(c *dpop.VerifierConfig) { c.Nonces = nil }),
	}, {
		id: "T16", title: "nonce of the authorization server used at the API",
		rule: dpop.ErrNonce, clause: "RFC 9449 9",
		try: b.changed(func(ctx context.Context, claims map[string]any) (err error) {
			claims["nonce"], err = b.serverConfig.Nonces.Nonce(ctx)
			return err
		}),
		without:  "both servers give the same nonces",
		weakened: b.weakenedProofs(func(c *dpop.VerifierConfig) { c.Nonces = b.serverConfig.Nonces }),
	}}
}

func (b *bank) forgeries() []attack {
	return []attack{{
		id: "T17", title: "proof signed with RS256",
		rule: dpop.ErrAlgorithm, clause: "RFC 9449 4.3-5, FAPI 2.0 5.4.1",
		try: b.minted(func(context.Context, map[string]any) (crypto.Signer, map[string]any, error) {
			key, err := rsa.GenerateKey(rand.Reader, 2048)
			if err != nil {
				return nil, nil, err
			}
			return key, proofHeader("RS256", key), nil
		}),
		without: "a server that does what alg says", weakened: b.anyAlgorithm,
	}, {
		id: "T18", title: `proof with alg "none"`,
		rule: dpop.ErrAlgorithm, clause: "RFC 9449 4.3-5",
		try: b.minted(func(context.Context, map[string]any) (crypto.Signer, map[string]any, error) {
			return b.thiefKey, proofHeader("none", b.dpopKey), nil
		}),
		without: "a server that does what alg says", weakened: b.anyAlgorithm,
	}, {
		id: "T19", title: "private key in the proof's header",
		rule: dpop.ErrKey, clause: "RFC 9449 4.3-7",
		try: b.minted(func(context.Context, map[string]any) (crypto.Signer, map[string]any, error) {
			header := proofHeader("ES256", b.dpopKey)
			header["jwk"].(map[string]any)["d"] = "c2VjcmV0"
			return b.dpopKey, header, nil
		}),
		without: "a server that ignores private members", weakened: b.anyAlgorithm,
	}, {
		id: "T20", title: "RSA key of 65,536 bits in the proof's header",
		rule: dpop.ErrMalformed, clause: "8 KiB a proof, before any arithmetic",
		try: b.minted(func(context.Context, map[string]any) (crypto.Signer, map[string]any, error) {
			key, err := newHugeKey()
			if err != nil {
				return nil, nil, err
			}
			return key, proofHeader("RS256", key), nil
		}),
		without: "a server without a bound", weakened: b.anyAlgorithm,
	}, {
		id: "T21", title: "RSA key of 8,192 bits, which fits the 8 KiB",
		rule: dpop.ErrKey, clause: "RSA keys in proofs have 4,096 bits at most",
		try: b.minted(func(context.Context, map[string]any) (crypto.Signer, map[string]any, error) {
			modulus := new(big.Int).SetBit(big.NewInt(1), 8191, 1)
			header := proofHeader("PS256", b.dpopKey)
			header["jwk"] = publicJWK(&rsa.PublicKey{N: modulus, E: hugeExponent})
			return b.dpopKey, header, nil
		}),
		without: "the same with the victim's own key",
		honest:  b.changed(func(context.Context, map[string]any) error { return nil }),
	}, {
		id: "T22", title: "access token signed by the thief, key in its header",
		rule: accesstoken.ErrSignature, clause: "RFC 9068 4-5, RFC 8725 3.10",
		try:     b.forgedToken,
		without: "a server that trusts the key in the token", weakened: b.trustsHeaderKey,
	}}
}

// forgedToken is a token that is right in everything but who signed it.
func (b *bank) forgedToken(ctx context.Context, send sender) (answer, error) {
	now := time.Now().Unix()
	thumbprint, err := dpop.NewSigner(b.thiefKey)
	if err != nil {
		return answer{}, err
	}
	claims := map[string]any{
		"iss": b.issuer, "aud": b.api, "sub": "alice", "client_id": clientID, "scope": "accounts",
		"iat": now, "exp": now + 300, "jti": rand.Text(),
		"cnf": map[string]any{"jkt": dpop.JKT(thumbprint.Thumbprint())},
	}
	header := proofHeader("ES256", b.thiefKey)
	header["typ"] = "at+jwt"
	token, err := mint(b.thiefKey, header, claims)
	if err != nil {
		return answer{}, err
	}
	proof, err := b.proof(ctx, b.thiefKey, "GET", b.api+"/accounts", token)
	if err != nil {
		return answer{}, err
	}
	return b.sendWith(ctx, send, token, proof)
}
