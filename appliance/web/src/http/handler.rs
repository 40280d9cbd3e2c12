//! Handlers with their types hidden: in goes a request and the state, out comes the answer.
//!
//! There are hundreds of handlers and few lists of what they take. Getting these out of a request
//! is compiled once for each list, and the router knows one type of handler only; else each handler
//! would bring all of this along anew.

use std::marker::PhantomData;
use std::pin::Pin;
use std::sync::Arc;

use axum::extract::{FromRequest, FromRequestParts, Request};
use axum::http::request::Parts;
use axum::response::{IntoResponse, Response};

/// An answer under way.
pub type Answering = Pin<Box<dyn Future<Output = Response> + Send>>;

/// What a handler takes, on its way out of a request; or the answer in its place.
pub type Taking<T> = Pin<Box<dyn Future<Output = Result<T, Response>> + Send>>;

/// A list of extractors, the last of which may read the body. `M` tells whether it does.
pub trait Taken<S, M>: Sized {
    /// Gets all of them, one after the other; the first refusal is the answer.
    fn take(request: Request, state: S) -> Taking<Self>;
}

/// An async function that takes extractors and gives what can be an answer.
pub trait Handles<S, A>: Clone + Send + Sync + 'static {
    /// Answers a request.
    fn answer(&self, request: Request, state: S) -> Answering;
}

impl<F, O, S> Handles<S, ((),)> for F
where
    F: Fn() -> O + Clone + Send + Sync + 'static,
    O: Future<Output: IntoResponse> + Send,
{
    fn answer(&self, _: Request, _: S) -> Answering {
        let handler = self.clone();
        Box::pin(async move { handler().await.into_response() })
    }
}

/// An extractor at work.
type Extracting<'a, T> = Pin<Box<dyn Future<Output = Result<T, Response>> + Send + 'a>>;

fn part<'a, T: FromRequestParts<S>, S: Sync>(
    parts: &'a mut Parts,
    state: &'a S,
) -> Extracting<'a, T> {
    Box::pin(async {
        T::from_request_parts(parts, state).await.map_err(IntoResponse::into_response)
    })
}

fn last<T: FromRequest<S, M>, S: Sync, M>(request: Request, state: &S) -> Extracting<'_, T> {
    Box::pin(async { T::from_request(request, state).await.map_err(IntoResponse::into_response) })
}

macro_rules! handles {
    ($($part:ident)*, $last:ident) => {
        #[allow(non_snake_case)]
        impl<S, M, $($part,)* $last> Taken<S, M> for ($($part,)* $last,)
        where
            S: Send + Sync + 'static,
            $($part: FromRequestParts<S> + Send,)*
            $last: FromRequest<S, M> + Send,
        {
            fn take(request: Request, state: S) -> Taking<Self> {
                Box::pin(async move {
                    #[allow(unused_mut)]
                    let (mut parts, body) = request.into_parts();
                    $(let $part = part::<$part, S>(&mut parts, &state).await?;)*
                    let request = Request::from_parts(parts, body);
                    let $last = last::<$last, S, M>(request, &state).await?;
                    Ok(($($part,)* $last,))
                })
            }
        }

        #[allow(non_snake_case)]
        impl<F, O, S, M, $($part,)* $last> Handles<S, (M, $($part,)* $last,)> for F
        where
            F: Fn($($part,)* $last,) -> O + Clone + Send + Sync + 'static,
            O: Future<Output: IntoResponse> + Send,
            ($($part,)* $last,): Taken<S, M> + Send + 'static,
        {
            fn answer(&self, request: Request, state: S) -> Answering {
                let handler = self.clone();
                let taking = <($($part,)* $last,)>::take(request, state);
                Box::pin(async move {
                    let answer = match taking.await {
                        Ok(($($part,)* $last,)) => handler($($part,)* $last),
                        Err(refusal) => return refusal,
                    };
                    answer.await.into_response()
                })
            }
        }
    };
}

handles!(, A);
handles!(A, B);
handles!(A B, C);
handles!(A B C, D);
handles!(A B C D, E);
handles!(A B C D E, G);

/// A handler of which only the state is known.
pub(super) trait Erased<S>: Send + Sync {
    fn answer(&self, request: Request, state: S) -> Answering;
}

/// A handler with what it takes.
pub(super) struct By<H, A>(H, PhantomData<fn() -> A>);

impl<H, A> By<H, A> {
    pub(super) const fn new(handler: H) -> Self {
        Self(handler, PhantomData)
    }
}

impl<S, A, H: Handles<S, A>> Erased<S> for By<H, A> {
    fn answer(&self, request: Request, state: S) -> Answering {
        self.0.answer(request, state)
    }
}

/// The one type of handler that the router knows.
pub(super) struct Shared<S>(pub(super) Arc<dyn Erased<S>>);

impl<S> Clone for Shared<S> {
    fn clone(&self) -> Self {
        Self(Arc::clone(&self.0))
    }
}

impl<S: Send + Sync + 'static> axum::handler::Handler<(), S> for Shared<S> {
    type Future = Answering;

    fn call(self, request: Request, state: S) -> Answering {
        self.0.answer(request, state)
    }
}
