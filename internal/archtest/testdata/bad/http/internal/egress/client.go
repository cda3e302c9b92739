package egress

import "net/http"

func client() *http.Client { return &http.Client{} }
