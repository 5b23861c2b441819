package main

import (
	"net"
	"sync"
)

// outage stops a server for a while: all its connections break, and new ones do as
// soon as they are made.
type outage struct {
	mu      sync.Mutex
	stopped bool
	open    map[net.Conn]bool
}

// set stops the server, or lets it go on.
func (o *outage) set(stopped bool) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.stopped = stopped
	for conn := range o.open {
		if stopped {
			conn.Close()
		}
	}
}

func (o *outage) add(conn net.Conn) (stopped bool) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.open == nil {
		o.open = map[net.Conn]bool{}
	}
	o.open[conn] = true
	return o.stopped
}

func (o *outage) remove(conn net.Conn) {
	o.mu.Lock()
	defer o.mu.Unlock()
	delete(o.open, conn)
}

// affects makes a listener of the server.
func (o *outage) affects(l net.Listener) net.Listener { return &unreliable{l, o} }

type unreliable struct {
	net.Listener
	outage *outage
}

// Accept implements [net.Listener]. What breaks at once is returned all the same: to
// the server that is a client who went away.
func (u *unreliable) Accept() (net.Conn, error) {
	conn, err := u.Listener.Accept()
	if err != nil {
		return nil, err
	}
	if u.outage.add(conn) {
		conn.Close()
	}
	return &breakable{conn, u.outage}, nil
}

type breakable struct {
	net.Conn
	outage *outage
}

// Close implements [net.Conn].
func (b *breakable) Close() error {
	b.outage.remove(b.Conn)
	return b.Conn.Close()
}
