#if ServiceLifecycle
    public import ServiceLifecycle

    extension MySQLKvStore: Service {}
#endif
