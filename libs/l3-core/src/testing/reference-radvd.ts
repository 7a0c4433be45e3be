/** What the reference implementation wrote for radvd on its router of the story `advertised`. The metadata agent was on. */
export const REFERENCE_RADVD = `interface qr-a17fdcc0-ab
{
   AdvSendAdvert on;
   MinRtrAdvInterval 30;
   MaxRtrAdvInterval 100;
   AdvLinkMTU 1450;
   
   AdvManagedFlag on;
   
   prefix 2001:db8:4::/64
   {
        AdvOnLink on;
        AdvAutonomous off;
   };
   

   route fe80::a9fe:a9fe/128 {
   };
};interface qr-ab96f46a-bc
{
   AdvSendAdvert on;
   MinRtrAdvInterval 30;
   MaxRtrAdvInterval 100;
   AdvLinkMTU 1450;
   
   AdvOtherConfigFlag on;
   
   prefix 2001:db8:5::/64
   {
        AdvOnLink on;
        AdvAutonomous on;
   };
   

   route fe80::a9fe:a9fe/128 {
   };
};interface qr-e0b5c057-86
{
   AdvSendAdvert on;
   MinRtrAdvInterval 30;
   MaxRtrAdvInterval 100;
   AdvLinkMTU 1450;
   
   RDNSS  2001:db8::53  {};
   
   prefix 2001:db8:3::/64
   {
        AdvOnLink on;
        AdvAutonomous on;
   };
   

   route fe80::a9fe:a9fe/128 {
   };
};`;
