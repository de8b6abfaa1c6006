// Lines and answers: users of the requests need them too.
@_exported public import PipeSupport
