package capture

import (
	"encoding/binary"
	"fmt"

	"github.com/gopacket/gopacket"
	"github.com/gopacket/gopacket/layers"
)

// The link types that can be read, as registered at tcpdump.org/linktypes.html.
const (
	linkNull     = 0
	linkEthernet = 1
	linkRawBSD   = 12
	linkRawOther = 14
	linkRaw      = 101
	linkLoop     = 108
	linkSLL      = 113
	linkIPv4     = 228
	linkIPv6     = 229
	linkSLL2     = 276
)

const (
	headerLength = 14
	etherIPv4    = 0x0800
	etherIPv6    = 0x86dd
)

// linkOf returns the link type of a packet of a pcapng file.
func linkOf(info gopacket.CaptureInfo) layers.LinkType {
	if len(info.AncillaryData) > 0 {
		if link, ok := info.AncillaryData[0].(layers.LinkType); ok {
			return link
		}
	}
	return linkEthernet
}

// appendFrame appends a packet of a link type as Ethernet would have carried it.
func appendFrame(b []byte, link int, data []byte) ([]byte, error) {
	switch link {
	case linkEthernet:
		return append(b, data...), nil
	case linkRaw, linkRawBSD, linkRawOther, linkIPv4, linkIPv6:
		return appendIP(b, data), nil
	case linkNull, linkLoop:
		return appendIP(b, data[min(4, len(data)):]), nil
	case linkSLL:
		return appendCooked(b, data, 16, 14), nil
	case linkSLL2:
		return appendCooked(b, data, 20, 0), nil
	}
	return b, fmt.Errorf("its link type is %d: %w", link, ErrLink)
}

// appendIP puts an Ethernet header without addresses before an IP packet.
func appendIP(b, packet []byte) []byte {
	ethertype := uint16(etherIPv4)
	if len(packet) > 0 && packet[0]>>4 == 6 {
		ethertype = etherIPv6
	}
	return append(appendHeader(b, ethertype), packet...)
}

func appendHeader(b []byte, ethertype uint16) []byte {
	b = append(b, make([]byte, headerLength-2)...)
	return binary.BigEndian.AppendUint16(b, ethertype)
}

// appendCooked puts an Ethernet header in the place of a cooked one, which has
// its ethertype at an offset.
func appendCooked(b, data []byte, length, ethertype int) []byte {
	if len(data) < length {
		return b
	}
	b = appendHeader(b, binary.BigEndian.Uint16(data[ethertype:]))
	return append(b, data[length:]...)
}

// maxLength is the longest packet that is believed: the longest that IP has,
// with room for a link header.
const maxLength = 65535 + 64

// restore gives a frame that was captured in part its length back, filled with
// zeros, where the headers are all there: nothing behind them is looked at, and
// without it the frame would be one that lies about its length. Otherwise it
// stays as it is.
func restore(frame []byte, missing int) []byte {
	if missing <= 0 || !headersWhole(frame) {
		return frame
	}
	return append(frame, make([]byte, missing)...)
}

func headersWhole(frame []byte) bool {
	p := gopacket.NewPacket(frame, layers.LayerTypeEthernet, gopacket.DecodeOptions{NoCopy: true})
	if tcp, ok := p.TransportLayer().(*layers.TCP); ok {
		return len(tcp.Contents) > 0 && len(tcp.Contents) == 4*int(tcp.DataOffset)
	}
	for _, kind := range []gopacket.LayerType{layers.LayerTypeUDP, layers.LayerTypeICMPv4, layers.LayerTypeICMPv6} {
		if l := p.Layer(kind); l != nil && len(l.LayerContents()) > 0 {
			return true
		}
	}
	return false
}
