#if ServiceLifecycle
    import ServiceLifecycle
#endif

/// Runs an operation that ends by itself after it was told to: when its task is cancelled, or, with the trait
/// ServiceLifecycle, when the service group shuts down.
package func withShutdownHandler<T>(
    isolation: isolated (any Actor)? = #isolation, _ operation: () async throws -> T,
    onShutdown: @escaping @Sendable () -> Void
) async rethrows -> T {
    #if ServiceLifecycle
        try await withTaskCancellationOrGracefulShutdownHandler(
            operation: operation, onCancelOrGracefulShutdown: onShutdown)
    #else
        try await withTaskCancellationHandler(operation: operation, onCancel: onShutdown)
    #endif
}
