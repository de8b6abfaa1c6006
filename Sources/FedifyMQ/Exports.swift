// A queue's messages are of this module's types: it comes with the queue.
@_exported public import FedifyJSON
