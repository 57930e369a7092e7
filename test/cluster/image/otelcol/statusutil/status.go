// Package statusutil stands in for the collector's internal module of this name, which the Go module proxy does not offer.
package statusutil

import (
	"net/http"

	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
)

// GetRetryInfo returns when a throttled caller may try again, or nil.
func GetRetryInfo(s *status.Status) *errdetails.RetryInfo {
	for _, detail := range s.Details() {
		if info, ok := detail.(*errdetails.RetryInfo); ok {
			return info
		}
	}
	return nil
}

// NewStatusFromMsgAndHTTPCode is the gRPC status that the OTLP specification gives to an HTTP answer.
func NewStatusFromMsgAndHTTPCode(message string, code int) *status.Status {
	switch code {
	case http.StatusBadRequest:
		return status.New(codes.InvalidArgument, message)
	case http.StatusUnauthorized:
		return status.New(codes.Unauthenticated, message)
	case http.StatusForbidden:
		return status.New(codes.PermissionDenied, message)
	case http.StatusNotFound:
		return status.New(codes.Unimplemented, message)
	case http.StatusTooManyRequests:
		return status.New(codes.ResourceExhausted, message)
	case http.StatusBadGateway, http.StatusServiceUnavailable, http.StatusGatewayTimeout:
		return status.New(codes.Unavailable, message)
	}
	return status.New(codes.Unknown, message)
}
