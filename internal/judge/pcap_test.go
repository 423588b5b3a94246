package judge

import (
	"bytes"
	"encoding/binary"
	"errors"
	"os"

	"ctop/internal/frame"
)

// The link types of captures, as in linktype.net.
const (
	linkEthernet = 1
	linkCooked   = 113
)

// readCapture returns the frames of a pcap or pcapng file, from the Ethernet
// header on.
func readCapture(path string) ([][]byte, error) {
	b, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	if len(b) < 24 {
		return nil, errors.New("too short for a capture")
	}
	if bytes.Equal(b[:4], []byte{0x0a, 0x0d, 0x0d, 0x0a}) {
		return readNextGeneration(b), nil
	}
	return readClassic(b), nil
}

func readClassic(b []byte) (frames [][]byte) {
	var order binary.ByteOrder = binary.BigEndian
	if b[0] == 0xd4 || b[0] == 0x4d {
		order = binary.LittleEndian
	}
	link := order.Uint32(b[20:]) & 0xffff
	for b = b[24:]; len(b) >= 16; {
		n := int(order.Uint32(b[8:]))
		if n > len(b)-16 {
			break
		}
		frames = append(frames, ethernet(link, b[16:16+n]))
		b = b[16+n:]
	}
	return frames
}

func readNextGeneration(b []byte) (frames [][]byte) {
	const section, iface, packet = 0x0a0d0d0a, 1, 6
	var order binary.ByteOrder = binary.LittleEndian
	var links []uint32
	for len(b) >= 12 {
		if binary.BigEndian.Uint32(b) == section {
			order, links = binary.LittleEndian, nil
			if b[8] == 0x1a {
				order = binary.BigEndian
			}
		}
		size := int(order.Uint32(b[4:]))
		if size < 12 || size > len(b) {
			break
		}
		switch kind := order.Uint32(b); {
		case kind == iface:
			links = append(links, uint32(order.Uint16(b[8:])))
		case kind == packet && size >= 32:
			index, n := int(order.Uint32(b[8:])), int(order.Uint32(b[20:]))
			if index < len(links) && n <= size-32 {
				frames = append(frames, ethernet(links[index], b[28:28+n]))
			}
		}
		b = b[size:]
	}
	return frames
}

// ethernet adds an Ethernet header to frames of other links.
func ethernet(link uint32, data []byte) []byte {
	switch {
	case link == linkCooked && len(data) > 16:
		return append(make([]byte, 12), data[14:]...)
	case link != linkEthernet && len(data) > 0 && (data[0]>>4 == 4 || data[0]>>4 == 6):
		return frame.Around(data)
	}
	return data
}
