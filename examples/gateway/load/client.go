package main

import (
	"context"
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"io"
	"net/http"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/go-fapi/fapi/examples/gateway/demo"
	"github.com/go-fapi/fapi/examples/internal/pki"
	"github.com/go-fapi/fapi/introspection"
)

// load sends the requests, and returns how long all of them took and, sorted, each.
func (k kind) load(ctx context.Context, d *demo.Demo, o options) (took time.Duration, latencies []time.Duration, err error) {
	clients := make([]*demo.Client, o.clients)
	for i := range clients {
		if clients[i], err = k.client(ctx, d); err != nil {
			return 0, nil, err
		}
		defer clients[i].Close()
		if err = k.ask(ctx, clients[i]); err != nil {
			return 0, nil, err
		}
	}
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	var group sync.WaitGroup
	var next atomic.Int64
	each := make([][]time.Duration, o.clients)
	start := time.Now()
	end := start.Add(time.Duration(o.seconds) * time.Second)
	for i, client := range clients {
		group.Go(func() {
			for next.Add(1) <= int64(o.requests) && time.Now().Before(end) && ctx.Err() == nil {
				sent := time.Now()
				if err := k.ask(ctx, client); err != nil {
					cancel(err) // the first one counts
				}
				each[i] = append(each[i], time.Since(sent))
			}
		})
	}
	group.Wait()
	took = time.Since(start)
	latencies = slices.Concat(each...)
	slices.Sort(latencies)
	return took, latencies, context.Cause(ctx)
}

// client is a new one, with a token of Alice's.
func (k kind) client(ctx context.Context, d *demo.Demo) (client *demo.Client, err error) {
	var key crypto.Signer
	var certificate *tls.Certificate
	if k.key {
		key, err = ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	} else {
		certificate, err = selfSigned()
	}
	if err != nil {
		return nil, err
	}
	if client, err = d.NewClient(key, certificate); err != nil {
		return nil, err
	}
	grant := introspection.Answer{Subject: "alice", Confirmation: client.Confirmation()}
	if k.opaque {
		client.Token = d.AS.Issue(grant)
		return client, nil
	}
	client.Token, err = d.AS.IssueJWT(ctx, grant)
	return client, err
}

func selfSigned() (*tls.Certificate, error) {
	certificate, err := pki.SelfSigned("load")
	if err != nil {
		return nil, err
	}
	certificate.Leaf, err = x509.ParseCertificate(certificate.Certificate[0])
	return &certificate, err
}

func (k kind) ask(ctx context.Context, client *demo.Client) error {
	response, err := client.Do(ctx, http.MethodGet, k.origin+"/accounts", nil)
	if err != nil {
		return err
	}
	defer response.Body.Close()
	if response.StatusCode != http.StatusOK {
		return fmt.Errorf("status %d", response.StatusCode)
	}
	_, err = io.Copy(io.Discard, response.Body)
	return err
}

// percentile is of sorted latencies: the least that so many of a thousand do not
// exceed.
func percentile(sorted []time.Duration, permille int) time.Duration {
	if len(sorted) == 0 {
		return 0
	}
	rank := (len(sorted)*permille + 999) / 1000
	return sorted[max(rank-1, 0)].Round(10 * time.Microsecond)
}
