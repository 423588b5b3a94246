package hello

import "golang.org/x/crypto/cryptobyte"

const (
	typeHandshake   = 22
	typeClientHello = 1
	// headerLength is that of a handshake message: its type and its length.
	headerLength = 4
	recordHeader = 5
	// longestRecord is the most that a record has (RFC 8446 section 5.1).
	longestRecord = 1 << 14

	extensionName = 0
	// extensionECH is Encrypted ClientHello, extensionESNI what came before it.
	extensionECH  = 0xfe0d
	extensionESNI = 0xffce
	kindHost      = 0
)

// Records reads the hello in the records that a TCP stream begins with. It may be in
// several.
func Records(stream []byte) (Hello, Status) {
	first, rest, status := firstRecord(stream)
	if status != Done {
		return Hello{}, status
	}
	message, status := Message(first)
	if status != More {
		return message, status
	}
	for joined := first[:len(first):len(first)]; ; {
		var part []byte
		if part, rest, status = firstRecord(rest); status != Done {
			return Hello{}, status
		}
		joined = append(joined, part...)
		if message, status = Message(joined); status != More {
			return message, status
		}
	}
}

// firstRecord returns the content of the first record, and what follows it.
func firstRecord(stream []byte) (content, rest []byte, status Status) {
	for i, c := range stream[:min(len(stream), 2)] {
		if c != [...]byte{typeHandshake, 3}[i] {
			return nil, nil, Not
		}
	}
	if len(stream) < recordHeader {
		return nil, nil, More
	}
	length := int(stream[3])<<8 | int(stream[4])
	if length == 0 || length > longestRecord {
		return nil, nil, Not
	}
	if len(stream) < recordHeader+length {
		return nil, nil, More
	}
	return stream[recordHeader : recordHeader+length], stream[recordHeader+length:], Done
}

// Message reads a hello in the stream of handshake messages: that in the records of TLS or
// in the CRYPTO frames of QUIC.
func Message(stream []byte) (Hello, Status) {
	if len(stream) > 0 && stream[0] != typeClientHello {
		return Hello{}, Not
	}
	if len(stream) < headerLength {
		return Hello{}, More
	}
	length := int(stream[1])<<16 | int(stream[2])<<8 | int(stream[3])
	if length > longestRecord {
		return Hello{}, Not
	}
	if len(stream) < headerLength+length {
		return Hello{}, More
	}
	return clientHello(stream[headerLength : headerLength+length])
}

// clientHello reads a whole ClientHello (RFC 8446 section 4.1.2).
func clientHello(b cryptobyte.String) (h Hello, _ Status) {
	var session, suites, compression, extensions cryptobyte.String
	var version uint16
	if !b.ReadUint16(&version) || version>>8 != 3 || !b.Skip(32) || !b.ReadUint8LengthPrefixed(&session) || len(session) > 32 ||
		!b.ReadUint16LengthPrefixed(&suites) || len(suites) == 0 || len(suites)%2 != 0 ||
		!b.ReadUint8LengthPrefixed(&compression) || len(compression) == 0 {
		return Hello{}, Not
	}
	if b.Empty() {
		return Hello{}, Done
	}
	if !b.ReadUint16LengthPrefixed(&extensions) || !b.Empty() {
		return Hello{}, Not
	}
	named := false
	for !extensions.Empty() {
		var kind uint16
		var content cryptobyte.String
		if !extensions.ReadUint16(&kind) || !extensions.ReadUint16LengthPrefixed(&content) {
			return Hello{}, Not
		}
		switch kind {
		case extensionECH, extensionESNI:
			h.Encrypted = true
		case extensionName:
			name, ok := serverName(content)
			if !ok || named {
				return Hello{}, Not
			}
			h.Name, named = name, true
		}
	}
	return h, Done
}

// serverName reads the extension with the server's name (RFC 6066 section 3). The name is
// empty if it is none of a host. ok is false if the extension cannot be read.
func serverName(b cryptobyte.String) (name string, ok bool) {
	var list cryptobyte.String
	if !b.ReadUint16LengthPrefixed(&list) || !b.Empty() || list.Empty() {
		return "", false
	}
	for seen := false; !list.Empty(); {
		var kind uint8
		var content cryptobyte.String
		if !list.ReadUint8(&kind) || !list.ReadUint16LengthPrefixed(&content) || content.Empty() {
			return "", false
		}
		if kind != kindHost {
			continue
		}
		if seen {
			return "", false
		}
		seen, name = true, hostName(content)
	}
	return name, true
}
