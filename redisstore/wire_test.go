package redisstore_test

import (
	"context"
	"net"
	"slices"
	"strings"
	"sync"

	"github.com/redis/go-redis/v9"
)

// wire sits between a client and its server. It notes each SET, EVAL and GETDEL that is
// sent and how often a reply to one is read. On demand it loses replies: the server has done the
// work, and the client gets an error.
type wire struct {
	mu       sync.Mutex
	commands []string
	replies  int
	lose     int
	err      error
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
	w.commands, w.replies, w.lose, w.err = nil, 0, n, err
}

func (w *wire) seen() (commands []string, replies int) {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.commands, w.replies
}

type wireConn struct {
	net.Conn
	wire  *wire
	noted bool  // the last command was
	lost  error // what every further read gives
}

func (c *wireConn) Write(b []byte) (int, error) {
	c.wire.mu.Lock()
	if c.noted = notable(string(b)); c.noted {
		c.wire.commands = append(c.wire.commands, string(b))
	}
	c.wire.mu.Unlock()
	return c.Conn.Write(b)
}

func notable(sent string) bool {
	return slices.ContainsFunc([]string{"set", "eval", "getdel"}, func(name string) bool {
		return strings.Contains(sent, "\r\n"+name+"\r\n")
	})
}

func (c *wireConn) Read(b []byte) (int, error) {
	if c.lost != nil {
		return 0, c.lost
	}
	n, err := c.Conn.Read(b)
	c.wire.mu.Lock()
	defer c.wire.mu.Unlock()
	if !c.noted || err != nil {
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
