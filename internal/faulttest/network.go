package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"

	"github.com/carillon-notify/carillon/internal/faulttest/netproxy"
)

// cell is a network namespace whose only ways out are two cables: one leads to the database, one to the mail server.
type cell struct {
	name           string
	database, mail *netproxy.Proxy
	hosts          [2]string // our ends
}

// noCells tells why this machine has no namespaces for us.
func noCells(ctx context.Context) string {
	if os.Getuid() != 0 {
		return "network namespaces need root"
	}
	name := fmt.Sprintf("carillon-try-%d", os.Getpid())
	if err := ip(ctx, "netns", "add", name); err != nil {
		return "this machine makes no network namespaces"
	}
	defer func() { _ = ip(context.WithoutCancel(ctx), "netns", "del", name) }()
	if err := ip(ctx, "link", "add", "ctry0", "type", "veth", "peer", "name", "ctry1", "netns", name); err != nil {
		return "this machine makes no virtual cables"
	}
	return ""
}

func ip(ctx context.Context, args ...string) error {
	if output, err := exec.CommandContext(ctx, "ip", args...).CombinedOutput(); err != nil {
		return fmt.Errorf("ip %v: %w: %s", args, err, output)
	}
	return nil
}

// newCell makes a namespace with its cables. It is gone with the arena.
func (a *arena) newCell(ctx context.Context) (*cell, error) {
	n := a.cells.Add(1)
	c := &cell{name: fmt.Sprintf("carillon-%d-%d", os.Getpid(), n)}
	if err := ip(ctx, "netns", "add", c.name); err != nil {
		return nil, err
	}
	a.cleanup = append(a.cleanup, func() { _ = ip(context.Background(), "netns", "del", c.name) })
	targets := [2]string{hostOf(a.dsn), a.mail.addr}
	var proxies [2]*netproxy.Proxy
	for i, target := range targets {
		ours, theirs := fmt.Sprintf("cf%d-%d-%d", os.Getpid()%10_000, n, i), fmt.Sprintf("cable%d", i)
		net := fmt.Sprintf("10.%d.%d.", 200+(os.Getpid()+i)%50, n%250)
		err := errors.Join(
			ip(ctx, "link", "add", ours, "type", "veth", "peer", "name", theirs, "netns", c.name),
			ip(ctx, "addr", "add", net+"1/30", "dev", ours),
			ip(ctx, "link", "set", ours, "up"),
			ip(ctx, "-n", c.name, "addr", "add", net+"2/30", "dev", theirs),
			ip(ctx, "-n", c.name, "link", "set", theirs, "up"),
			ip(ctx, "-n", c.name, "link", "set", "lo", "up"),
		)
		if err != nil {
			return nil, err
		}
		if proxies[i], err = netproxy.NewAt(net+"1:0", target); err != nil {
			return nil, err
		}
		c.hosts[i] = net + "1"
		a.cleanup = append(a.cleanup, func() { _ = proxies[i].Close() })
	}
	c.database, c.mail = proxies[0], proxies[1]
	return c, nil
}

// plug says whether a cable is in: what the cell sends over one that is not goes to a card that nobody has, and is lost
// without a word.
func (c *cell) plug(ctx context.Context, cable int, in bool) error {
	dev := fmt.Sprintf("cable%d", cable)
	if in {
		return ip(ctx, "-n", c.name, "neigh", "del", c.hosts[cable], "dev", dev)
	}
	return ip(ctx, "-n", c.name, "neigh", "replace", c.hosts[cable], "lladdr", "02:00:00:00:00:66", "dev", dev, "nud", "permanent")
}

// The cables of a cell.
const (
	toDatabase = iota
	toMail
)

// opts put a worker into the cell.
func (c *cell) opts(dsn, name string) workerOpts {
	return workerOpts{
		name: name, wrap: []string{"ip", "netns", "exec", c.name}, dsn: through(dsn, c.database.Addr()), smtp: c.mail.Addr(), query: "?tls=off",
	}
}
