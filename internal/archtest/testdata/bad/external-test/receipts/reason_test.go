// internal test: the parser has no exported face.

package receipts
