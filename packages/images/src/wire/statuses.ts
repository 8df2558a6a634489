import type { ErrorCode } from '@flux-srpo/core';

/** `error.type` of a body. It says who can act, in OpenAI's words where there are any. */
export type HttpErrorType =
  | 'invalid_request_error'
  | 'authentication_error'
  | 'permission_error'
  | 'rate_limit_error'
  | 'content_policy_violation'
  | 'unsupported_environment'
  | 'storage_error'
  | 'server_error';

/** Every error code as `[status, error.type, error.code]`. No two share an `error.code`. */
export const STATUSES: Readonly<Record<ErrorCode, readonly [number, HttpErrorType, string]>> = {
  'input/required': [400, 'invalid_request_error', 'missing_required_parameter'],
  'input/type': [400, 'invalid_request_error', 'invalid_type'],
  'input/out-of-range': [400, 'invalid_request_error', 'invalid_value'],
  'input/size-unsupported': [400, 'invalid_request_error', 'invalid_size'],
  'input/field-unsupported': [400, 'invalid_request_error', 'unsupported_parameter'],
  'input/conflict': [400, 'invalid_request_error', 'conflicting_parameters'],
  'input/licence': [400, 'invalid_request_error', 'licence_not_accepted'],
  'input/prompt-too-long': [400, 'invalid_request_error', 'prompt_too_long'],
  'input/rejected': [400, 'invalid_request_error', 'request_rejected'],
  'input/file-unsupported': [400, 'invalid_request_error', 'unsupported_file'],
  'input/too-large': [413, 'invalid_request_error', 'request_too_large'],
  'input/unauthorized': [401, 'authentication_error', 'invalid_api_key'],
  'input/content-policy': [422, 'content_policy_violation', 'content_policy_violation'],
  'input/queue-full': [429, 'rate_limit_error', 'queue_full'],
  'network/rate-limited': [429, 'rate_limit_error', 'rate_limit_exceeded'],
  'model/not-found': [404, 'invalid_request_error', 'model_not_found'],
  'model/safety-checker-missing': [400, 'invalid_request_error', 'safety_checker_missing'],
  'model/file-missing': [500, 'server_error', 'model_file_missing'],
  'model/manifest-invalid': [500, 'server_error', 'model_manifest_invalid'],
  'model/version-unsupported': [500, 'server_error', 'model_version_unsupported'],
  'model/tokenizer-invalid': [500, 'server_error', 'model_tokenizer_invalid'],
  'model/hash-mismatch': [507, 'storage_error', 'integrity_mismatch'],
  'format/truncated': [500, 'server_error', 'model_truncated'],
  'format/header-invalid': [500, 'server_error', 'model_header_invalid'],
  'format/header-too-large': [500, 'server_error', 'model_header_too_large'],
  'format/offset-out-of-range': [500, 'server_error', 'model_offset_out_of_range'],
  'format/dtype-unsupported': [500, 'server_error', 'model_dtype_unsupported'],
  'format/tensor-missing': [500, 'server_error', 'model_tensor_missing'],
  'format/tensor-unexpected': [500, 'server_error', 'model_tensor_unexpected'],
  'format/value-invalid': [500, 'server_error', 'model_value_invalid'],
  'format/shape-mismatch': [500, 'server_error', 'model_shape_mismatch'],
  'format/config-unsupported': [500, 'server_error', 'model_config_unsupported'],
  'network/stopping': [503, 'server_error', 'server_stopping'],
  'network/unreachable': [502, 'server_error', 'upstream_unreachable'],
  'network/status': [502, 'server_error', 'upstream_status'],
  'network/truncated': [502, 'server_error', 'upstream_truncated'],
  'network/response-invalid': [502, 'server_error', 'upstream_response_invalid'],
  'network/timeout': [504, 'server_error', 'upstream_timeout'],
  'storage/quota-exceeded': [507, 'storage_error', 'quota_exceeded'],
  'storage/unavailable': [507, 'storage_error', 'storage_unavailable'],
  'storage/write-failed': [507, 'storage_error', 'storage_write_failed'],
  'device/no-webgpu': [501, 'unsupported_environment', 'webgpu_unavailable'],
  'device/limit-too-small': [501, 'unsupported_environment', 'adapter_limits_too_small'],
  'device/feature-missing': [501, 'unsupported_environment', 'adapter_feature_missing'],
  'device/self-test-failed': [501, 'unsupported_environment', 'self_test_failed'],
  'device/lost': [503, 'server_error', 'device_lost'],
  'device/out-of-memory': [503, 'server_error', 'out_of_memory'],
  'device/worker-failed': [503, 'server_error', 'worker_crashed'],
  'device/hung': [503, 'server_error', 'device_hung'],
  'inference/session-create': [500, 'server_error', 'session_create_failed'],
  'inference/run': [500, 'server_error', 'run_failed'],
  'inference/output-invalid': [500, 'server_error', 'numerical_error'],
};
