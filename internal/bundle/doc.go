// Package bundle writes and reads archives for a colleague or a bug report: a recording of
// what a tracker saw, and files with facts about it.
//
// A bundle is a tar archive compressed with gzip. Its members are in the directory
// ctop-bundle, README.txt is the first. The recording is cut into pieces, whose names begin
// with recording/, so that it can be written while it is made: one after the other they are
// a file as of ctop record.
//
// An [Anonymiser] replaces everything in it that says who is who.
package bundle
