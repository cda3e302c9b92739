// internal test:

package receipts // want
