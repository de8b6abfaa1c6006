// The error of the check, and a clock for queues in memory.
@_exported public import ContractTesting
