// Package pcapng writes packets in the format pcapng (draft-ietf-opsawg-pcapng), block by
// block, to a stream or to a ring of files that never takes more of the disk than it may.
//
// Each packet has a comment. gopacket's writer hides where blocks end, which a ring of
// files has to know, and what is left to the writer here is four kinds of blocks.
package pcapng
