package hello

import (
	"context"
	"crypto/aes"
	"crypto/cipher"
	"crypto/tls"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"io"
	"net"
	"slices"
	"testing"
)

// clientRecords returns the first bytes that Go's client sends.
func clientRecords(t testing.TB, config *tls.Config) []byte {
	t.Helper()
	client, server := net.Pipe()
	go func() {
		_ = tls.Client(client, config).Handshake()
		client.Close()
	}()
	defer server.Close()
	head := make([]byte, recordHeader)
	if _, err := io.ReadFull(server, head); err != nil {
		t.Fatal(err)
	}
	content := make([]byte, binary.BigEndian.Uint16(head[3:]))
	if _, err := io.ReadFull(server, content); err != nil {
		t.Fatal(err)
	}
	return append(head, content...)
}

// clientMessage returns the hello that Go's client sends in CRYPTO frames.
func clientMessage(t testing.TB, config *tls.Config) []byte {
	t.Helper()
	config.MinVersion = tls.VersionTLS13
	c := tls.QUICClient(&tls.QUICConfig{TLSConfig: config})
	defer func() { _ = c.Close() }()
	c.SetTransportParameters([]byte{})
	if err := c.Start(context.Background()); err != nil {
		t.Fatal(err)
	}
	for e := c.NextEvent(); e.Kind != tls.QUICNoEvent; e = c.NextEvent() {
		if e.Kind == tls.QUICWriteData {
			return slices.Clone(e.Data)
		}
	}
	t.Fatal("no hello")
	return nil
}

// cryptoFrame returns a CRYPTO frame with a part of a stream.
func cryptoFrame(stream []byte, from, to int) []byte {
	b := append([]byte{frameCrypto}, varint(uint64(from))...)
	b = append(b, varint(uint64(to-from))...)
	return append(b, stream[from:to]...)
}

func varint(n uint64) []byte { return binary.BigEndian.AppendUint32(nil, uint32(n)|0x80000000) }

// initial returns an Initial packet with these frames.
func initial(number uint32, id []byte, packetNumber uint16, frames []byte) []byte {
	of := versions[number]
	k := newKeys(of, id)
	head := []byte{longHeader | fixedBit | of.initial<<4 | 1}
	head = binary.BigEndian.AppendUint32(head, number)
	head = append(append(head, byte(len(id))), id...)
	head = append(head, 0, 0) // no source, no token
	for len(frames) < 1100 {
		frames = append(frames, framePadding)
	}
	head = append(head, varint(uint64(2+len(frames)+tagLength))...)
	at := len(head)
	head = binary.BigEndian.AppendUint16(head, packetNumber)
	nonce := slices.Clone(k.iv)
	nonce[10] ^= byte(packetNumber >> 8)
	nonce[11] ^= byte(packetNumber)
	b := k.seal.Seal(slices.Clone(head), nonce, frames, head)
	var mask [16]byte
	k.header.Encrypt(mask[:], b[at+sampleAt:][:sampleLength])
	b[0] ^= mask[0] & 0x0f
	b[at] ^= mask[1]
	b[at+1] ^= mask[2]
	return b
}

var errStop = errors.New("stop")

// judge returns the name that Go's server reads. read is false if it does not come so far.
func judge(records []byte) (name string, encrypted, read bool) {
	client, server := net.Pipe()
	defer client.Close()
	go func() {
		_, _ = client.Write(records)
		client.Close()
	}()
	go func() { _, _ = io.Copy(io.Discard, client) }()
	_ = tls.Server(server, &tls.Config{MinVersion: tls.VersionTLS10, GetConfigForClient: func(h *tls.ClientHelloInfo) (*tls.Config, error) {
		name, read = h.ServerName, true
		encrypted = slices.Contains(h.Extensions, extensionECH) || slices.Contains(h.Extensions, extensionESNI)
		return nil, errStop
	}}).Handshake()
	server.Close()
	return name, encrypted, read
}

// with returns what a key gives for a sample: sealed, or encrypted as one block.
func with(t *testing.T, what, key string, iv, sample []byte) string {
	t.Helper()
	raw, err := hex.DecodeString(key)
	if err != nil {
		t.Fatal(err)
	}
	block, err := aes.NewCipher(raw)
	if err != nil {
		t.Fatal(err)
	}
	if what == "hp" {
		to := make([]byte, len(sample))
		block.Encrypt(to, sample)
		return hex.EncodeToString(to)
	}
	seal, err := cipher.NewGCM(block)
	if err != nil {
		t.Fatal(err)
	}
	return hex.EncodeToString(seal.Seal(nil, iv, sample, nil))
}

func encrypted(k *keys, sample []byte) string {
	to := make([]byte, len(sample))
	k.header.Encrypt(to, sample)
	return hex.EncodeToString(to)
}
