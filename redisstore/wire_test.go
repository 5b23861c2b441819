package redisstore_test

import (
	"context"
	"net"
	"strings"
	"sync"

	"github.com/redis/go-redis/v9"
)

// wire sits between a client and its server. It notes each SET that is sent and how
// often a reply to one is read. On demand it loses replies: the server has done the
// work, and the client gets an error.
type wire struct {
	mu      sync.Mutex
	sets    []string
	replies int
	lose    int
	err     error
}

func (w *wire) options(o *redis.Options) {
	o.Dialer = func(ctx context.Context, network, addr string) (net.Conn, error) {
		c, err := new(net.Dialer).DialContext(ctx, network, addr)
		if err != nil {
			return nil, err
		}
		return &wireConn{Conn: c, wire: w}, nil
	}
}

// loseReplies starts the notes anew; the next n replies are lost.
func (w *wire) loseReplies(n int, err error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.sets, w.replies, w.lose, w.err = nil, 0, n, err
}

func (w *wire) seen() (sets []string, replies int) {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.sets, w.replies
}

type wireConn struct {
	net.Conn
	wire  *wire
	isSet bool  // the last command was a SET
	lost  error // what every further read gives
}

func (c *wireConn) Write(b []byte) (int, error) {
	c.wire.mu.Lock()
	if c.isSet = strings.Contains(string(b), "\r\nset\r\n"); c.isSet {
		c.wire.sets = append(c.wire.sets, string(b))
	}
	c.wire.mu.Unlock()
	return c.Conn.Write(b)
}

func (c *wireConn) Read(b []byte) (int, error) {
	if c.lost != nil {
		return 0, c.lost
	}
	n, err := c.Conn.Read(b)
	c.wire.mu.Lock()
	defer c.wire.mu.Unlock()
	if !c.isSet || err != nil {
		return n, err
	}
	c.wire.replies++
	if c.wire.lose > 0 {
		c.wire.lose--
		c.lost = c.wire.err
		return 0, c.lost
	}
	return n, nil
}
