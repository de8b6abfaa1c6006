#if Hummingbird
    import FedifyKv
    import FedifyMySQL
    import Hummingbird
#endif
