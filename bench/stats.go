package main

import (
	"math"
	"slices"
)

// spread describes figures of several slices. The median is the result; the rest says how far to trust it.
type spread struct {
	Median float64 `json:"median"`
	Q1     float64 `json:"q1"`
	Q3     float64 `json:"q3"`
	Min    float64 `json:"min"`
	Max    float64 `json:"max"`
}

func spreadOf(figures []float64) spread {
	sorted := slices.Sorted(slices.Values(figures))
	return spread{
		Median: round(quantile(sorted, 0.5), 3),
		Q1:     round(quantile(sorted, 0.25), 3),
		Q3:     round(quantile(sorted, 0.75), 3),
		Min:    round(quantile(sorted, 0), 3),
		Max:    round(quantile(sorted, 1), 3),
	}
}

// quantile interpolates between neighbours of sorted figures. It is 0 if there are none.
func quantile(sorted []float64, q float64) float64 {
	if len(sorted) == 0 {
		return 0
	}
	at := q * float64(len(sorted)-1)
	low := int(math.Floor(at))
	high := min(low+1, len(sorted)-1)
	return sorted[low] + (at-float64(low))*(sorted[high]-sorted[low])
}

// nearestRank is the smallest of sorted figures that at least a share q of them does not exceed: a percentile that was
// really measured. It is 0 if there are none.
func nearestRank(sorted []float64, q float64) float64 {
	if len(sorted) == 0 {
		return 0
	}
	rank := int(math.Ceil(q * float64(len(sorted))))
	return sorted[max(rank, 1)-1]
}

func round(x float64, digits int) float64 {
	scale := math.Pow10(digits)
	return math.Round(x*scale) / scale
}
