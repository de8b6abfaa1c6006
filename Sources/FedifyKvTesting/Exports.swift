// The error of the check, and a clock for stores in memory.
@_exported public import ContractTesting
