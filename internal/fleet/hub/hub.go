package hub

import (
	"context"
	"crypto/tls"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"os"
	"strconv"
	"time"

	"github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	"github.com/nats-io/nkeys"
	"golang.org/x/sys/unix"

	"ctop/internal/file"
	"ctop/internal/fleet"
)

// Options says how a hub runs.
type Options struct {
	Dir Dir
	// Address is HOST:PORT.
	Address string
	// Plain permits a server without TLS that other machines reach. On the loopback
	// interface there is TLS only with Secure.
	Plain, Secure bool
	// Certificate and CertificateKey are files that replace the hub's own certificate.
	Certificate, CertificateKey string
	// LinkListen is the HOST:PORT at which another hub of this directory may come, and Link
	// that of the one to come to. One of them is empty, or both.
	LinkListen, Link string
	Log              *slog.Logger
	// Ready is called once the hub serves.
	Ready func(url string)
}

// The limits of a hub.
const (
	startTimeout = 30 * time.Second
	// pending is how many bytes may wait for a slow client before it is disconnected.
	pending     = 32 << 20
	memoryBytes = 64 << 20
	storeBytes  = 1 << 30
	// lookAtKeys is how often the file of the keys is looked at, tellSize how often
	// hosts are told how many they are.
	lookAtKeys = time.Second
	tellSize   = 30 * time.Second
)

// hub is a running hub.
type hub struct {
	Options
	lock   *os.File
	tls    *tls.Config
	host   string
	port   int
	own    nkeys.KeyPair
	server *server.Server
	client *nats.Conn
	keys   Keys
	stamp  file.Stamp
	// told is the number of connections when hosts were told last how many they are.
	told int
	// met is whether another hub is linked.
	met bool
}

// Run serves until ctx is done.
func Run(ctx context.Context, o Options) (err error) {
	h := &hub{Options: o}
	if err := h.open(); err != nil {
		return err
	}
	defer func() { err = errors.Join(err, h.lock.Close()) }()
	if err := h.start(ctx); err != nil {
		h.stop()
		return err
	}
	defer h.stop()
	scheme := "nats"
	if h.tls != nil {
		scheme = "tls"
	}
	if h.Ready != nil {
		h.Ready(scheme + "://" + net.JoinHostPort(h.host, strconv.Itoa(h.server.Addr().(*net.TCPAddr).Port)))
	}
	return h.watch(ctx)
}

// open checks everything that can be checked before there is a server.
func (h *hub) open() error {
	var err error
	if h.host, h.port, err = splitPort(h.Address); err != nil {
		return err
	}
	if err := h.Dir.Prepare(); err != nil {
		return err
	}
	ip := net.ParseIP(h.host)
	local := h.host == "localhost" || ip != nil && ip.IsLoopback()
	if !local && !h.Plain || h.Secure {
		if h.tls, err = h.Dir.tlsConfig(h.Certificate, h.CertificateKey); err != nil {
			return err
		}
	}
	if h.own, err = nkeys.CreateUser(); err != nil {
		return fmt.Errorf("begin a hub: %w", err)
	}
	if err := checkPort("listen", h.Address); err != nil {
		return err
	}
	if h.LinkListen != "" {
		if err := checkPort("link-listen", h.LinkListen); err != nil {
			return err
		}
	}
	return h.take()
}

// checkPort tries an address, since the server itself only logs that it is in use.
func checkPort(flag, address string) error {
	l, err := net.Listen("tcp", address)
	if errors.Is(err, unix.EADDRINUSE) {
		return fmt.Errorf("begin a hub: something listens at %s already, perhaps another ctop hub: end it, or choose another address with --%s", address, flag)
	}
	if err != nil {
		return fmt.Errorf("begin a hub: %w: choose another address with --%s", err, flag)
	}
	return l.Close()
}

// take makes this process the only one with the directory.
func (h *hub) take() error {
	f, err := os.OpenFile(h.Dir.file("hub.lock"), os.O_CREATE|os.O_RDWR|unix.O_NOFOLLOW, 0o600)
	if err != nil {
		return fmt.Errorf("begin a hub: %w", err)
	}
	if err := unix.Flock(int(f.Fd()), unix.LOCK_EX|unix.LOCK_NB); err != nil {
		_ = f.Close() // nothing was written
		return fmt.Errorf("begin a hub: another ctop hub has %s: end it, or choose another directory with --state", h.Dir)
	}
	h.lock = f
	return nil
}

// options are those of the server, with the current keys.
func (h *hub) options() (*server.Options, error) {
	public, err := h.own.PublicKey()
	if err != nil {
		return nil, fmt.Errorf("begin a hub: %w", err)
	}
	o := &server.Options{
		// Linked hubs need different names.
		ServerName: "ctop-hub-" + public, Host: h.host, Port: h.port, NoSigs: true,
		JetStream: true, StoreDir: h.Dir.file("jetstream"),
		JetStreamMaxMemory: memoryBytes, JetStreamMaxStore: storeBytes,
		MaxPending: pending, MaxPayload: 1 << 20, MaxControlLine: 4096,
		// A console that reads nothing delays nobody: it is disconnected.
		NoFastProducerStall: true, WriteDeadline: 5 * time.Second,
		TLSConfig: h.tls, TLSTimeout: 10, AuthTimeout: 15,
		Nkeys: []*server.NkeyUser{{Nkey: public}},
	}
	if h.port == 0 {
		o.Port = server.RANDOM_PORT
	}
	if err := h.linkOptions(o); err != nil {
		return nil, err
	}
	space := fleet.Space(h.keys.Fleet)
	for _, k := range h.keys.Keys {
		p := fleet.PermissionsOf(space, k.Role, k.Name, k.Pair)
		o.Nkeys = append(o.Nkeys, &server.NkeyUser{Nkey: k.Key, Permissions: &server.Permissions{
			Publish: &server.SubjectPermission{Allow: p.Publish}, Subscribe: &server.SubjectPermission{Allow: p.Subscribe},
		}})
	}
	return o, nil
}

func (h *hub) start(ctx context.Context) error {
	var err error
	h.stamp = file.StampOf(h.Dir.file("keys.json"))
	if h.keys, err = h.Dir.Keys(); err != nil {
		return err
	}
	o, err := h.options()
	if err != nil {
		return err
	}
	if h.server, err = server.NewServer(o); err != nil {
		return fmt.Errorf("begin a hub: %w", err)
	}
	failed := make(chan string, 1)
	h.server.SetLogger(logger{log: h.Log, failed: failed, said: new(fleet.Seldom)}, false, false)
	go h.server.Start()
	serving := make(chan bool, 1)
	go func() { serving <- h.server.ReadyForConnections(startTimeout) }()
	select {
	case why := <-failed:
		return fmt.Errorf("begin a hub: %s", why)
	case ok := <-serving:
		if !ok {
			return fmt.Errorf("begin a hub: it does not serve after %s", startTimeout)
		}
	}
	if h.port == 0 {
		h.port = h.server.Addr().(*net.TCPAddr).Port
	}
	return h.streams(ctx)
}

// streams connects the hub's own client, and makes the streams.
func (h *hub) streams(ctx context.Context) error {
	public, err := h.own.PublicKey()
	if err != nil {
		return fmt.Errorf("begin a hub: %w", err)
	}
	h.client, err = nats.Connect("", nats.InProcessServer(h.server), nats.Nkey(public, h.own.Sign), nats.Timeout(startTimeout), nats.MaxReconnects(-1), nats.ReconnectWait(100*time.Millisecond), nats.Name("ctop hub"))
	if err != nil {
		return fmt.Errorf("begin a hub: %w", err)
	}
	js, err := jetstream.New(h.client, jetstream.WithDefaultTimeout(startTimeout))
	if err != nil {
		return fmt.Errorf("begin a hub: %w", err)
	}
	for _, s := range Streams(fleet.Space(h.keys.Fleet)) {
		if _, err := js.CreateOrUpdateStream(ctx, s); err != nil {
			return fmt.Errorf("make the stream %s: %w", s.Name, err)
		}
	}
	return nil
}

// Streams are the streams of a fleet. A server from outside needs them, too.
func Streams(s fleet.Space) []jetstream.StreamConfig {
	return []jetstream.StreamConfig{
		{
			Name: fleet.HostsStream, Description: "the last heartbeat of each host", Subjects: []string{s.Heartbeat("*")},
			MaxMsgsPerSubject: 1, MaxMsgs: fleet.MaxHosts, MaxBytes: fleet.HostsBytes, MaxMsgSize: 4 << 10, AllowDirect: true, NoAck: true,
		},
		{
			Name: fleet.AuditStream, Description: "what became of acts", Subjects: []string{s.Audit("*")},
			MaxBytes: fleet.AuditBytes, MaxMsgSize: 64 << 10, AllowDirect: true, NoAck: true, DenyDelete: true, DenyPurge: true, Duplicates: 10 * time.Minute,
		},
	}
}

// watch reads keys again when they change, and tells hosts how many they are.
func (h *hub) watch(ctx context.Context) error {
	look, tell := time.NewTicker(lookAtKeys), time.NewTicker(tellSize)
	defer look.Stop()
	defer tell.Stop()
	h.tellSize()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-tell.C:
			h.tellSize()
		case <-look.C:
			h.lookAtLink()
			if h.server.NumClients() > h.told {
				h.tellSize() // who has just connected does not know yet
			}
			if now := file.StampOf(h.Dir.file("keys.json")); now != h.stamp {
				h.stamp = now
				h.reload()
			}
		}
	}
}

// Size is what the hub says on [fleet.Space.Size].
type size struct {
	Hosts int `json:"hosts"`
}

func (h *hub) tellSize() {
	h.told = h.server.NumClients()
	text, _ := json.Marshal(size{h.keys.Hosts()}) // a number
	_ = h.client.Publish(fleet.Space(h.keys.Fleet).Size(), text)
}

// reload takes the keys of the file. A file that cannot be read changes nothing.
func (h *hub) reload() {
	keys, err := h.Dir.Keys()
	if err == nil && keys.Fleet != h.keys.Fleet {
		err = errors.New("read the keys of the hub: another fleet's name needs a restart")
	}
	if err != nil {
		h.Log.Error("the keys stay as they were", "error", err)
		return
	}
	before := h.keys
	h.keys = keys
	o, err := h.options()
	if err == nil {
		err = h.server.ReloadOptions(o)
	}
	if err != nil {
		h.keys = before
		h.Log.Error("the keys stay as they were", "error", err)
		return
	}
	h.Log.Info("the keys were read", "keys", len(keys.Keys))
	h.tellSize()
}

func (h *hub) stop() {
	if h.client != nil {
		h.client.Close()
	}
	if h.server != nil {
		h.server.Shutdown()
		h.server.WaitForShutdown()
	}
}
