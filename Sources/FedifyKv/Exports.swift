// A store's values are of this type: it comes with the store.
@_exported public import FedifyJSON
