package sms

import (
	"errors"
	"regexp"

	"github.com/nyaruka/phonenumbers"
)

// e164 is how numbers are written. https://www.itu.int/rec/T-REC-E.164
var e164 = regexp.MustCompile(`^\+[1-9][0-9]{1,14}$`)

// checkNumber says what is wrong with a recipient's number, without repeating it.
func checkNumber(number string) error {
	if !e164.MatchString(number) {
		return errors.New("the number is not in E.164 form, such as +4930123456")
	}
	parsed, err := phonenumbers.Parse(number, "")
	if err != nil || !phonenumbers.IsPossibleNumber(parsed) {
		return errors.New("the number is too long or too short for its country, or there is no such country")
	}
	switch phonenumbers.GetNumberType(parsed) {
	case phonenumbers.PREMIUM_RATE, phonenumbers.SHARED_COST:
		return errors.New("the number is one that costs extra")
	}
	return nil
}
