//! Who is behind a token: at the beginning of a game, when a token may be exchanged for another one,
//! and for calls that name no player.

use chrono::{TimeDelta, Utc};
use secrecy::SecretString;
use uuid::Uuid;

use super::wallet::{Wallet, WalletError, refuse_inactive, refuse_session};
use crate::core::{
    Currency, Exchange, GameId, GameState, Key, PlayerId, PlayerView, ProviderId, Reason,
    TokenHash, TxId,
};
use crate::store::directory::sessions::{self, Issued, Replaced};
use crate::store::directory::{games, players};
use crate::store::ledger::log;

/// What a call says of the player beside the token, as far as its protocol does.
#[derive(Clone, Copy, Debug, Default)]
pub struct Named<'a> {
    /// Whose token it must be.
    pub player: Option<&'a PlayerId>,
    /// What the wallet must be in.
    pub currency: Option<&'a Currency>,
    /// Which game is being opened.
    pub game: Option<&'a GameId>,
}

/// A player who was let in.
#[derive(Debug)]
pub struct Authenticated {
    /// Who, and what they have.
    pub view: PlayerView,
    /// The token that counts from now on, where we made one.
    pub token: Option<SecretString>,
}

impl Wallet {
    /// Who is behind a launch token, and what they have. `exchange` says what becomes of the token.
    /// Whoever is refused has not used it up.
    ///
    /// # Errors
    /// [`WalletError`]; a token that is unknown, over, or another player's or provider's than named,
    /// a player who is not active, another currency and a game that is off are refusals.
    pub async fn authenticate(
        &self,
        provider: &ProviderId,
        token: &TokenHash,
        named: Named<'_>,
        exchange: Exchange,
    ) -> Result<Authenticated, WalletError> {
        let Named { player, currency, game } = named;
        let found = sessions::launch(self.pool(), token, exchange.bound()).await?;
        let launch = found.ok_or(WalletError::Refused(Reason::SessionUnknown))?;
        let session = &launch.session;
        if player.is_some_and(|named| *named != session.player) {
            return Err(WalletError::Refused(Reason::SessionMismatch));
        }
        // A repeat of the call that exchanged it is answered as that was.
        refuse_session(session, provider, session.live || launch.is_replaced)?;
        // A call that names no game opens none: that is for the stakes.
        if game.is_some() && !session.opens(game) {
            return Err(WalletError::Refused(Reason::SessionMismatch));
        }
        refuse_inactive(launch.wallet.status)?;
        if currency.is_some_and(|named| *named != launch.wallet.currency) {
            return Err(WalletError::Refused(Reason::CurrencyMismatch));
        }
        if let Some(game) = game
            && games::state(self.pool(), provider, game).await? == GameState::Disabled
        {
            return Err(WalletError::Refused(Reason::GameDisabled));
        }
        let token = if launch.is_replaced { None } else { self.exchange(token, exchange).await? };
        Ok(Authenticated { view: launch.wallet.into(), token })
    }

    /// A new launch token for a player's games at this provider.
    ///
    /// # Errors
    /// [`WalletError`]; a player who is unknown or not active is refused.
    pub async fn launch(
        &self,
        provider: &ProviderId,
        player: &PlayerId,
        lifetime: TimeDelta,
    ) -> Result<Authenticated, WalletError> {
        let unknown = WalletError::Refused(Reason::PlayerUnknown);
        let wallet = players::find(self.pool(), player).await?.ok_or(unknown)?;
        refuse_inactive(wallet.status)?;
        let token = Uuid::new_v4().simple().to_string();
        let session = sessions::NewSession {
            token: TokenHash::of(&token),
            player: player.clone(),
            provider: provider.clone(),
            game: None,
            expires_at: Utc::now() + lifetime,
        };
        match sessions::issue(self.pool(), &session).await? {
            Issued::Done => {
                Ok(Authenticated { view: wallet.into(), token: Some(SecretString::from(token)) })
            }
            Issued::PlayerUnknown => Err(unknown),
            Issued::AnotherPlayers => Err(WalletError::Internal),
        }
    }

    /// Puts another token in the place of this one; gives it back where it is ours.
    async fn exchange(
        &self,
        token: &TokenHash,
        exchange: Exchange,
    ) -> Result<Option<SecretString>, WalletError> {
        let (new, ours) = match exchange {
            Exchange::Keep => return Ok(None),
            Exchange::Bind(new) if new == *token => return Ok(None),
            Exchange::Bind(new) => (new, None),
            Exchange::Issue => {
                // 122 random bits of the operating system's.
                let ours = Uuid::new_v4().simple().to_string();
                (TokenHash::of(&ours), Some(ours))
            }
        };
        match sessions::replace(self.pool(), token, &new).await? {
            Replaced::Done => Ok(ours.map(SecretString::from)),
            Replaced::Taken => Err(WalletError::Refused(Reason::SessionMismatch)),
            Replaced::Over => {
                // Another node may have had the same call.
                let found = sessions::launch(self.pool(), token, exchange.bound()).await?;
                let is_replaced = found.is_some_and(|launch| launch.is_replaced);
                is_replaced.then_some(None).ok_or(WalletError::Refused(Reason::SessionExpired))
            }
        }
    }

    /// Whose a token of the provider's games is, also when it is over or was replaced; or else, where
    /// nothing is known of it, whose movement stands under the key. `None` where neither tells.
    ///
    /// # Errors
    /// [`WalletError`]; none of them is a refusal.
    pub async fn player_of(
        &self,
        provider: &ProviderId,
        token: &TokenHash,
        or_by_key: Option<&TxId>,
    ) -> Result<Option<PlayerId>, WalletError> {
        if let Some(player) = self.token_owners().get(provider, token) {
            return Ok(Some(player));
        }
        match sessions::owner(self.pool(), token).await? {
            Some(owner) if owner.provider == *provider => {
                self.token_owners().learn(*token, &owner);
                return Ok(Some(owner.player));
            }
            Some(_) | None => {}
        }
        let Some(tx_id) = or_by_key else { return Ok(None) };
        let key = Key { provider: provider.clone(), tx_id: tx_id.clone() };
        Ok(log::player_of(self.pool(), &key).await?)
    }
}
